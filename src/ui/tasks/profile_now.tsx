import { useEffect, useRef, useState } from "preact/hooks";
import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { api, explainError } from "../api.ts";
import { Failure } from "../components/answer.tsx";
import { Icon } from "../components/icon.tsx";
import { Segments } from "../components/segments.tsx";
import { showInvisible } from "../format.ts";
import { navigate } from "../router.ts";
import { kindTitle, shownKinds } from "../words.ts";

/** What is to be profiled: one process, or a service on all its hosts. */
export type ProfileTarget = { readonly processId: string } | { readonly service: string };

const durations = [["10", "10 s"], ["30", "30 s"], ["60", "1 min"], ["300", "5 min"], [
  "600",
  "10 min",
]] as const;
type Duration = typeof durations[number][0];
const hints: Readonly<Record<number, string>> = {
  [ProfileKind.ON_CPU]: "what its threads compute",
  [ProfileKind.OFF_CPU]: "what its threads wait for",
  [ProfileKind.NETWORK]: "whom it talks to",
};

/** Starts a task by hand, and goes to it. */
export function ProfileNow({ target, title }: { target: ProfileTarget; title: string }) {
  const [open, setOpen] = useState(false);
  return (
    <div class="profile-now">
      <button type="button" class="button primary" onClick={() => setOpen(true)}>
        <Icon name="play" />
        Profile now
      </button>
      {open && <ProfileDialog target={target} title={title} onClose={() => setOpen(false)} />}
    </div>
  );
}

function ProfileDialog({ target, title, onClose }: {
  target: ProfileTarget;
  title: string;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [kinds, setKinds] = useState<readonly ProfileKind[]>([ProfileKind.ON_CPU]);
  const [duration, setDuration] = useState<Duration>("30");
  const [starting, setStarting] = useState(false);
  const [failure, setFailure] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const start = async () => {
    setStarting(true);
    setFailure("");
    try {
      const { tasks } = await api.tasks.startTask({
        ...("service" in target ? { service: target.service } : { processIds: [target.processId] }),
        kinds: [...kinds],
        durationSeconds: Number(duration),
      });
      const started = tasks.filter(({ taskId }) => taskId !== "");
      if (started.length === 0) {
        setFailure(tasks.map(describeRefusal).join("; "));
        setStarting(false);
        return;
      }
      onClose();
      navigate(started.length === 1 ? `/tasks/${started[0]!.taskId}` : "/tasks");
    } catch (error) {
      setFailure(explainError(error));
      setStarting(false);
    }
  };
  return (
    <dialog ref={dialog} aria-label={`Profile ${title} now`} onClose={onClose}>
      <h2>Profile {title} now</h2>
      <div class="kinds">
        {shownKinds.map((kind) => (
          <label key={kind} class="check">
            <input
              type="checkbox"
              checked={kinds.includes(kind)}
              onChange={(event) =>
                setKinds(
                  shownKinds.filter((one) =>
                    one === kind ? event.currentTarget.checked : kinds.includes(one)
                  ),
                )}
            />
            <span>
              {kindTitle(kind)} <span class="muted">{hints[kind]}</span>
            </span>
          </label>
        ))}
      </div>
      <Segments label="For" options={durations} value={duration} onChoose={setDuration} />
      {"service" in target && (
        <p class="muted">On each host, the two processes of the service that use most CPU.</p>
      )}
      {failure !== "" && <Failure message={failure} />}
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>Cancel</button>
        <button
          type="button"
          class="button primary"
          disabled={starting || kinds.length === 0}
          onClick={() => void start()}
        >
          {starting ? "Asking the agent…" : "Start"}
        </button>
      </div>
    </dialog>
  );
}

function describeRefusal({ host, refused }: { host: string; refused: string }): string {
  return showInvisible(`${host}: ${refused}`);
}
