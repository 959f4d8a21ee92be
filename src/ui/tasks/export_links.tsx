import { ProfileKind } from "../../gen/stakeout/v1/task_pb.ts";
import { Icon } from "../components/icon.tsx";
import { runtimeFrames } from "../flame_graph/runtime_frames.ts";
import { kindName } from "../words.ts";

const networkFormats = [["json", "JSON", "All of it, for scripts"]] as const;
const stackFormats = [
  ["pprof", "pprof", "For go tool pprof and most profile viewers"],
  ["folded", "Folded", "One stack a line, for flamegraph.pl and grep"],
  ["speedscope", "Speedscope", "For speedscope.app"],
] as const;

/** Downloads of one profile in the formats that other tools read; with runtimes' frames when those are shown. */
export function ExportLinks({ taskId, kind }: { taskId: string; kind: ProfileKind }) {
  return (
    <span class="export" role="group" aria-label="Export">
      {(kind === ProfileKind.NETWORK ? networkFormats : stackFormats).map(([format, title, hint]) => (
        <a
          key={format}
          class="button small"
          title={hint}
          download
          href={`/api/v1/tasks/${taskId}/profile?kind=${kindName(kind)}&format=${format}${
            runtimeFrames.value && kind !== ProfileKind.NETWORK ? "&runtime=true" : ""
          }`}
        >
          <Icon name="download" />
          {title}
        </a>
      ))}
    </span>
  );
}
