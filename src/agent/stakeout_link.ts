import type { Logger } from "../../lib/log.ts";
import { profileKinds } from "../model/policy.ts";
import type { BackendLink, LinkedAgent } from "./backend_link.ts";
import { describeAgent } from "./host.ts";
import { PolicySync, type PolicyText } from "./policy_sync.ts";
import type { AgentState, StateSchema } from "./state.ts";
import { StakeoutWire } from "./stakeout_wire.ts";
import { type AgentTransportOptions, createAgentTransport } from "./transport.ts";
import { wireKinds } from "./wire.ts";

interface PolicySet {
  readonly setVersion: number;
  readonly policies: readonly PolicyText[];
}

/**
 * Bonds the agent with a Stakeout backend.
 * @throws {Error} when the file of authorities cannot be read
 */
export function openStakeoutLink(
  options: AgentTransportOptions,
  parts: { state: AgentState; logger: Logger },
): BackendLink {
  const { state, logger } = parts;
  const backend = createAgentTransport(options);
  const info = describeAgent(state.agentId);
  return {
    wire: new StakeoutWire({ backend, agent: info, logger }),
    metricsEverySeconds: 2,
    async restore({ agent }: LinkedAgent) {
      const saved = await state.load("policies", policySetSchema);
      if (saved !== undefined) agent.setPolicies(saved.setVersion, saved.policies, false);
    },
    async follow({ agent }: LinkedAgent, signal: AbortSignal) {
      const sync = new PolicySync({
        ...{ backend, logger, agent: info },
        onPolicies(setVersion: number, policies: readonly PolicyText[]) {
          agent.setPolicies(setVersion, policies, true);
          void state.save("policies", { setVersion, policies });
        },
        onStopTask: (taskId) => agent.stopTask(taskId),
        onStartTask: ({ processIds, kinds, durationSeconds, frequencyHz, offCpuMinimumNs }) =>
          agent.startTask({
            ...{ processIds, durationSeconds, frequencyHz, offCpuMinimumNs: Number(offCpuMinimumNs) },
            kinds: profileKinds.filter((kind) => kinds.includes(wireKinds[kind])),
          }),
        onExtendTask: ({ taskId, seconds }) => agent.extendTask(taskId, seconds),
      });
      await sync.run(signal);
    },
    close: () => backend.close(),
  };
}

const policySetSchema: StateSchema<PolicySet> = {
  safeParse(value) {
    const { setVersion, policies } = (value ?? {}) as Partial<PolicySet>;
    const isSet = typeof setVersion === "number" && Array.isArray(policies) &&
      policies.every((policy) =>
        typeof policy?.name === "string" && typeof policy.source === "string" &&
        typeof policy.version === "number"
      );
    return isSet
      ? { success: true, data: { setVersion, policies } }
      : { success: false, error: { message: "no set of policies" } };
  },
};
