import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { parsePolicies, type Problem } from "../../model/policy_file.ts";
import { Failure } from "../components/answer.tsx";
import { Panel } from "../components/panel.tsx";
import { askBeforeLeaving, navigate } from "../router.ts";
import { hasComments } from "./highlight_yaml.ts";
import { MatchPreview, usePolicyCheck } from "./match_preview.tsx";
import { draftOf, type PolicyDraft, writeDraft } from "./policy_draft.ts";
import { PolicyForm } from "./policy_form.tsx";
import { type Conflict, savePolicy } from "./save_policy.ts";
import { SaveConflict } from "./save_conflict.tsx";
import { YamlEditor } from "./yaml_editor.tsx";

/**
 * Form and YAML of one policy side by side. The YAML is what is saved; the form writes it anew at each change, and reads
 * it whenever it holds exactly one policy without problems.
 */
export function PolicyEditor({ name, source, version, draft }: {
  /** Under which it is stored; `""` for a new one. */
  name: string;
  source: string;
  /** Stored version that `source` is; 0 for a new one. */
  version: number;
  /** What the form begins with; read from `source` when absent. */
  draft?: PolicyDraft;
}) {
  const [text, setText] = useState(source);
  const [form, setForm] = useState(() => draft ?? readForm(source));
  const [formFaults, setFormFaults] = useState<ReadonlyMap<string, string>>(noFaults);
  const [beforeForm, setBeforeForm] = useState<string>();
  const [serverProblems, setServerProblems] = useState<readonly Problem[]>([]);
  const [saving, setSaving] = useState(false);
  const [failure, setFailure] = useState("");
  const [conflict, setConflict] = useState<Conflict>();
  const [baseVersion, setBaseVersion] = useState(version);

  const { documents, problems: found } = useMemo(() => parsePolicies(text), [text]);
  const problems = found.length > 0 ? found : serverProblems;
  const faults = new Map([
    ...problems.map(({ path, fix, message }) => [path, sentence(fix || message)] as const),
    ...formFaults,
  ]);
  const changed = text !== source || formFaults.size > 0;
  const savedName = documents[0]?.policy.name ?? "";
  const faultless = found.length === 0 && formFaults.size === 0;
  const lastFaultless = useRef("");
  if (faultless) lastFaultless.current = text;
  const check = usePolicyCheck(lastFaultless.current);

  useEffect(() => {
    askBeforeLeaving(changed ? "Leave without saving this policy?" : undefined);
    return () => askBeforeLeaving(undefined);
  }, [changed]);

  const typeText = (typed: string) => {
    setText(typed);
    setServerProblems([]);
    setFormFaults(noFaults);
    setBeforeForm(undefined);
    setForm(readForm(typed));
  };
  const changeForm = (draft: PolicyDraft) => {
    setForm(draft);
    const written = writeDraft(draft);
    setFormFaults("faults" in written ? written.faults : noFaults);
    if (!("text" in written)) return;
    if (beforeForm === undefined && hasComments(text)) setBeforeForm(text);
    setText(written.text);
    setServerProblems([]);
  };
  const save = async (expectedVersion: number) => {
    setSaving(true);
    setFailure("");
    const outcome = await savePolicy({
      source: text,
      names: documents.map(({ policy }) => policy.name),
      name,
      expectedVersion,
    });
    setSaving(false);
    setConflict(outcome.conflict);
    if (outcome.problems !== undefined) setServerProblems(outcome.problems);
    if (outcome.failure !== undefined) setFailure(outcome.failure);
    if (outcome.saved !== undefined) {
      askBeforeLeaving(undefined);
      navigate(`/policies/${outcome.saved}`);
    }
  };

  return (
    <>
      <div class="page-head">
        <div>
          <p class="crumbs">
            <a href="/policies">Policies</a>
            {name !== "" && (
              <>
                {" "}/ <a href={`/policies/${name}`}>{name}</a>
              </>
            )}
          </p>
          <h1>{name === "" ? "New policy" : `Edit ${name}`}</h1>
        </div>
        <div class="actions">
          <a class="button" href={name === "" ? "/policies" : `/policies/${name}`}>Cancel</a>
          <button
            type="button"
            class="button primary"
            disabled={!faultless || saving || (!changed && name !== "")}
            onClick={() => void save(baseVersion)}
          >
            {saving ? "Saving…" : name === "" ? "Save policy" : "Save new version"}
          </button>
        </div>
      </div>
      {failure !== "" && <Failure message={failure} />}
      {conflict !== undefined && (
        <SaveConflict
          conflict={conflict}
          text={text}
          onOverwrite={() => {
            setBaseVersion(conflict.version);
            void save(conflict.version);
          }}
          onTakeTheirs={() => {
            setBaseVersion(conflict.version);
            setConflict(undefined);
            typeText(conflict.source);
          }}
        />
      )}
      {name !== "" && savedName !== "" && savedName !== name && (
        <p class="notice">
          This saves a second policy named {savedName}; {name} stays as it is.
        </p>
      )}
      {documents.length > 1 && (
        <p class="notice">
          This text holds {documents.length} policies; saving it saves all of them, or none.
        </p>
      )}
      {beforeForm !== undefined && (
        <p class="notice">
          The form writes the text anew, without its comments.{" "}
          <button type="button" class="link" onClick={() => typeText(beforeForm)}>
            Take the form's changes back
          </button>
        </p>
      )}
      <div class="editor">
        <Panel title="Form">
          <div class="panel-body">
            {form !== undefined
              ? (
                <PolicyForm
                  draft={form}
                  faults={faults}
                  paths={check.data?.paths ?? []}
                  onChange={changeForm}
                />
              )
              : (
                <p class="muted">
                  {documents.length > 1
                    ? "The form is for one policy; this text holds several."
                    : "The form comes back once the YAML has no problems."}
                </p>
              )}
          </div>
        </Panel>
        <div class="stack">
          <Panel
            title="YAML"
            count={problems.length === 0 ? "no problems" : `${problems.length} to fix`}
          >
            <YamlEditor text={text} problems={problems} onInput={typeText} />
          </Panel>
          {faultless && <MatchPreview query={check} />}
        </div>
      </div>
    </>
  );
}

const noFaults: ReadonlyMap<string, string> = new Map();

function readForm(text: string): PolicyDraft | undefined {
  const { documents, problems } = parsePolicies(text);
  const only = problems.length === 0 && documents.length === 1 ? documents[0] : undefined;
  return only === undefined ? undefined : draftOf(only.policy);
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
