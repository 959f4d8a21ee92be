import { type ModuleWeight, type Profile, StackEnd } from "../../gen/stakeout/v1/profile_pb.ts";
import { stackEnds } from "../../model/stack_end.ts";
import { Name } from "../components/name.tsx";
import type { WeightUnit } from "../flame_graph/flame_tree.ts";
import { formatShare, formatWeight } from "../format.ts";
import { baseName } from "../words.ts";

/** Modules listed in one cell. */
const mostModules = 4;

/** How far the stacks of a profile can be trusted: one line, and on demand where and why stacks end and names are missing. */
export function QualityPanel({ profile, unit }: { profile: Profile; unit: WeightUnit }) {
  const { quality } = profile;
  const ends = stackEnds.map((words) => {
    const end = StackEnd[words.name as keyof typeof StackEnd];
    return {
      ...words,
      weight: Number(quality?.ends[end] ?? 0n),
      modules: quality?.cutIn.filter((cut) => cut.end === end) ?? [],
    };
  }).filter(({ name, weight }) => weight > 0 || name === "WHOLE");
  const total = ends.reduce((sum, { weight }) => sum + weight, 0);
  if (quality === undefined || total === 0) return null;
  const cut = ends.filter(({ isCut }) => isCut).reduce((sum, { weight }) => sum + weight, 0);
  return (
    <details class="quality">
      <summary>
        Stacks:{" "}
        {ends.filter(({ isCut }) => !isCut).map(({ short, weight }) =>
          `${formatShare(weight, total)} ${short}`
        ).join(", ")}
        {cut > 0 && (
          <>
            , <span class="bad">{formatShare(cut, total)} cut</span>
          </>
        )}
      </summary>
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th scope="col">User stacks end</th>
              <th scope="col" class="number">Share</th>
              <th scope="col" class="number">{unit === "samples" ? "Samples" : "Waits"}</th>
              <th scope="col">In</th>
            </tr>
          </thead>
          <tbody>
            {ends.map(({ name, short, meaning, weight, modules }) => (
              <tr key={name}>
                <td>
                  {short}
                  <span class="sub">{meaning}</span>
                </td>
                <td class="number">{formatShare(weight, total)}</td>
                <td class="number">{formatWeight(weight, unit === "samples" ? "samples" : "waits")}</td>
                <td class="names">
                  <Modules modules={modules} total={total} />
                </td>
              </tr>
            ))}
            {quality.unnamedIn.length > 0 && (
              <tr>
                <td>
                  functions without a name
                  <span class="sub">The file has no symbols for them; a separate debug file would.</span>
                </td>
                <td />
                <td />
                <td class="names">
                  <Modules modules={quality.unnamedIn} total={total} />
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Modules({ modules, total }: { modules: readonly ModuleWeight[]; total: number }) {
  const more = modules.length - mostModules;
  return (
    <>
      {modules.slice(0, mostModules).map(({ module, weight }) => (
        <span class="module" key={module} title={module}>
          <Name text={baseName(module) || "code of no file"} mono />{" "}
          <span class="muted number">{formatShare(Number(weight), total)}</span>
        </span>
      ))}
      {more > 0 && <span class="muted">and {more} more</span>}
    </>
  );
}
