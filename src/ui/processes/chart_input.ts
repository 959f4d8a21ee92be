import type { RuleLine } from "../../gen/stakeout/v1/query_service_pb.ts";
import type { Task } from "../../gen/stakeout/v1/task_pb.ts";

/** What a chart shows besides its columns; read anew at each drawing. */
export interface ChartInput {
  readonly metric: string;
  readonly stepSeconds: number;
  readonly rules: readonly RuleLine[];
  readonly tasks: readonly Task[];
  readonly highest: number;
}
