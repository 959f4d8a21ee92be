import type { ComponentChildren } from "preact";
import type { ProcessSummary } from "../../gen/stakeout/v1/query_service_pb.ts";
import { Name } from "../components/name.tsx";
import { Ago, Time } from "../components/time.tsx";
import { ProfileNow } from "../tasks/profile_now.tsx";
import { cutMiddle, formatCount, formatPercent, showInvisible } from "../format.ts";
import { baseName } from "../words.ts";

const longestTitle = 90;

/** What a process is: identity, place, labels, policies. */
export function ProcessHead({ summary }: { summary: ProcessSummary }) {
  const { process, host, cpuPercent, threads, policies, endedAtUnixMs } = summary;
  if (process === undefined) return null;
  const title = showInvisible(process.name || baseName(process.exe));
  const labels = Object.entries(process.labels);
  // SkyWalking's agent tells neither when a process started nor whose it is.
  const isWhole = process.startedAtUnixMs > 0n;
  return (
    <div class="page-head">
      <div>
        <p class="crumbs">
          <a href="/processes">Processes</a> / {process.pid}
        </p>
        <h1 title={title}>
          {cutMiddle(title, longestTitle)} <span class="muted">{process.pid}</span>
          {endedAtUnixMs > 0n && <span class="tag ended">ended</span>}
        </h1>
        {endedAtUnixMs > 0n && (
          <p class="lede">
            This process ended <Ago unixMs={endedAtUnixMs} />, at{" "}
            <Time unixMs={endedAtUnixMs} />. What was recorded of it stays as long as it is kept.
          </p>
        )}
        <dl class="facts task-facts">
          <Fact title="Service">
            <Name text={process.service} />
          </Fact>
          <Fact title="Instance">
            <Name text={process.instance} />
          </Fact>
          <Fact title="Host">
            <Name text={host} />
          </Fact>
          {endedAtUnixMs === 0n && (
            <Fact title="Now">
              <span class="number">
                {formatPercent(cpuPercent)} CPU{threads > 0 && `, ${formatCount(threads)} threads`}
              </span>
            </Fact>
          )}
          {isWhole && (
            <Fact title="Started">
              <Time unixMs={process.startedAtUnixMs} />
            </Fact>
          )}
          <Fact title="Executable">
            <Name text={process.exe} mono />
          </Fact>
          <Fact title="Cgroup">
            <Name text={process.cgroup} mono />
          </Fact>
          {process.containerId !== "" && (
            <Fact title="Container">
              <Name text={process.containerId} mono />
            </Fact>
          )}
          {isWhole && (
            <Fact title="User id">
              <span class="number">{process.uid}</span>
            </Fact>
          )}
          <Fact title="Policies">
            {policies.length === 0
              ? <span class="muted">none matches</span>
              : policies.map((policy, index) => (
                <span key={policy} class="comma-list">
                  <a href={`/policies/${policy}`}>
                    <Name text={policy} />
                  </a>
                  {index < policies.length - 1 && ", "}
                </span>
              ))}
          </Fact>
          {labels.length > 0 && (
            <Fact title="Labels">
              {labels.map(([label, value]) => (
                <span key={label} class="label mono">
                  <Name text={`${label}=${value}`} />
                </span>
              ))}
            </Fact>
          )}
        </dl>
      </div>
      {endedAtUnixMs === 0n && <ProfileNow target={{ processId: process.id }} title={title} />}
    </div>
  );
}

function Fact({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}
