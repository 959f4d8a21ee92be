import type { BpfObject } from "../../lib/bpf/object.ts";
import { silentLogger } from "../../lib/log.ts";
import { repositoryRoot } from "../../scripts/command.ts";
import { findPythons } from "../../src/agent/python/find_pythons.ts";
import { OffCpuSession } from "../../src/agent/profile/off_cpu_session.ts";
import { TableBuilder } from "../../src/agent/unwind/table_builder.ts";
import { TableStore } from "../../src/agent/unwind/table_store.ts";
import type { UnwindTables } from "../../src/agent/unwind/unwind_tables.ts";
import { libbpf } from "./harness.ts";

/** What a test may want to be different. */
export interface OffCpuTestOptions {
  readonly minimumNs?: number;
  /** Changes the object before it is loaded. */
  readonly configure?: (object: BpfObject) => void;
  /** None when not given: the target has frame pointers. */
  readonly tables?: UnwindTables;
}

/** The agent's own off-CPU session. */
export function openOffCpu(
  pids: readonly number[],
  { minimumNs = 0, configure = () => {}, tables = noTables() }: OffCpuTestOptions = {},
): Promise<OffCpuSession> {
  const program = Deno.readFileSync(`${repositoryRoot}/build/bpf/off_cpu.bpf.o`);
  return OffCpuSession.open(libbpf, program, { pids, minimumNs, tables, findPythons, configure });
}

function noTables(): UnwindTables {
  const store = new TableStore(libbpf);
  const builder = new TableBuilder({ command: ["false"], store, logger: silentLogger });
  return { store, builder, logger: silentLogger, waitMs: 0 };
}
