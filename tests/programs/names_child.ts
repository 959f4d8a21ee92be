/** The naming child alone, as `stakeout naming-child` runs it. */
import { runNamingChild } from "../../src/agent/names/child.ts";

await runNamingChild();
