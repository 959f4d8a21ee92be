import { useMemo } from "preact/hooks";
import type { targetFields } from "./policy_draft.ts";
import { api } from "../api.ts";
import { useQuery } from "../use_query.ts";

const mostProcesses = 1000;
const mostEach = 200;

/** What the inventory offers for each field of a target, most used first. */
export function useSuggestions(): Readonly<Record<(typeof targetFields)[number], readonly string[]>> {
  const { data } = useQuery(
    "suggestions",
    async (signal) => {
      const [overview, { processes }] = await Promise.all([
        api.query.getOverview({}, { signal }),
        api.query.listProcesses({ limit: mostProcesses }, { signal }),
      ]);
      return { overview, processes };
    },
    { topics: ["inventory"], atMostEveryMs: 60_000 },
  );
  return useMemo(() => {
    const processes = (data?.processes ?? []).map(({ process }) => process).filter((one) =>
      one !== undefined
    );
    return {
      service: mostUsed([
        ...(data?.overview.services ?? []).map(({ service }) => service),
        ...processes.map(({ service }) => service),
      ]),
      exe: mostUsed(processes.map(({ exe }) => exe)),
      instance: mostUsed(processes.map(({ instance }) => instance)),
      cgroup: mostUsed(processes.map(({ cgroup }) => cgroup)),
      host: mostUsed((data?.overview.agents ?? []).map(({ agent }) => agent?.host ?? "")),
    };
  }, [data]);
}

function mostUsed(values: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((one, two) => two[1] - one[1]).slice(0, mostEach).map(([value]) => value);
}
