import type { RuleLine } from "../../gen/stakeout/v1/query_service_pb.ts";
import type { Cause, Task } from "../../gen/stakeout/v1/task_pb.ts";

/** What a chart shows besides its columns; read anew at each drawing. */
export interface ChartInput {
  readonly metric: string;
  readonly uri: string;
  /** As in Series.variant. */
  readonly variant: string;
  readonly stepSeconds: number;
  readonly rules: readonly RuleLine[];
  readonly tasks: readonly Task[];
  readonly highest: number;
}

/** Whether a task was tripped by a rule on this very series. */
export function isOwnCause(
  cause: Cause | undefined,
  input: Pick<ChartInput, "metric" | "uri" | "variant">,
): boolean {
  return cause?.metric === input.metric && cause.uri === input.uri && cause.variant === input.variant;
}
