import type { Logger } from "../../../lib/log.ts";
import type { SkyWalkingConfig } from "../../model/config.ts";
import { policyDefaults } from "../../model/policy.ts";
import type { BackendLink, LinkedAgent } from "../backend_link.ts";
import type { Discovery } from "../discovery.ts";
import type { AgentState } from "../state.ts";
import { wireKinds } from "../wire.ts";
import { AskedTasks, type AskedTasksOptions } from "./asked_tasks.ts";
import { EntityBook } from "./entity.ts";
import { HeldPolicies, heldPoliciesSchema } from "./held_policies.ts";
import { OapHealth } from "./oap_health.ts";
import { PolicyPoll } from "./policy_poll.ts";
import { toEntityMetadata, toProcessProperties } from "./process_properties.ts";
import { guessProcessId, ProcessRegistry } from "./process_registry.ts";
import { ProcessReports } from "./process_reports.ts";
import { RecordEncoder } from "./record_encoder.ts";
import { TaskIds } from "./task_ids.ts";
import { TaskSender } from "./task_sender.ts";
import { createOapTransport, type OapOptions } from "./transport.ts";
import { SkyWalkingWire } from "./wire.ts";

/** SkyWalking's agent sends every 5 s, but an OAP keeps only the mean of a minute. */
const metricsEverySeconds = 10;
const stateName = "skywalking_policies";

/**
 * Bonds the agent with SkyWalking's OAP.
 * @throws {Error} when a file of certificates cannot be used
 */
export function openSkyWalkingLink(
  options: OapOptions,
  parts: { state: AgentState; logger: Logger; settings: SkyWalkingConfig },
): BackendLink {
  const { state, logger, settings } = parts;
  const oap = createOapTransport(options);
  const agentId = crypto.randomUUID();
  const book = new EntityBook(settings);
  const held = new HeldPolicies(settings, logger);
  const health = new OapHealth(options.url, logger);
  const registry = new ProcessRegistry(oap, agentId);
  const ids = new TaskIds(state);
  let discovery: Discovery | undefined;
  let setVersion = 0;

  function nameProcess(id: string) {
    const live = discovery?.find(id);
    return live === undefined ? undefined : book.nameOf(live.process);
  }
  function* nameAll() {
    for (const { process } of discovery?.values() ?? []) {
      const entity = book.nameOf(process);
      if (entity !== undefined) yield entity;
    }
  }
  const encoder = new RecordEncoder({
    owners: { entityOf: nameProcess, all: nameAll, reads: (service, series) => held.reads(service, series) },
    processOf(id) {
      const process = discovery?.find(id)?.process;
      const entity = nameProcess(id);
      if (process === undefined || entity === undefined) return undefined;
      return { entity, properties: toProcessProperties(process, entity, oap.hostAddress()) };
    },
    oapIdOf: (entity) => registry.idOf(toEntityMetadata(entity)) ?? guessProcessId(entity),
    isKnown: (key) => ids.get(key) !== undefined,
  });

  function setPolicies({ agent }: LinkedAgent): void {
    agent.setPolicies(++setVersion, held.texts(), false);
  }

  function processesOf(oapIds: readonly string[]) {
    return [...discovery?.values() ?? []].flatMap(({ process }) => {
      const entity = book.nameOf(process);
      const oapId = entity === undefined ? undefined : registry.idOf(toEntityMetadata(entity));
      return oapId !== undefined && oapIds.includes(oapId) ? [{ process, oapId }] : [];
    });
  }

  function startAsked({ agent }: LinkedAgent): AskedTasksOptions["start"] {
    return async ({ taskId, kind, sampling }, processes, durationSeconds) => {
      const answer = agent.startTask({
        ...{ kinds: [kind], durationSeconds, processIds: processes.map(({ process }) => process.id) },
        ...{
          frequencyHz: policyDefaults.onCpu.frequencyHz,
          offCpuMinimumNs: policyDefaults.offCpu.minimumNs,
        },
      });
      if ("refused" in answer) return answer;
      encoder.setSampling(answer.taskId, sampling.rules);
      for (const { process, oapId } of processes) {
        const key = { taskId: answer.taskId, kind: wireKinds[kind], processId: process.id };
        await ids.set(key, { taskId, processId: oapId });
      }
      return answer;
    };
  }

  function changeAsked({ agent }: LinkedAgent): AskedTasksOptions["change"] {
    return (taskId, { sampling }, longerSeconds) => {
      if (!encoder.changeSampling(taskId, sampling.rules)) return false;
      return longerSeconds === 0 || "taskId" in agent.extendTask(taskId, longerSeconds);
    };
  }

  return {
    wire: new SkyWalkingWire(oap, {
      encoder,
      ids,
      logger,
      tasks: new TaskSender(oap, { registry, ids, logger }),
    }),
    metricsEverySeconds,
    async restore(linked) {
      discovery = linked.pipeline.discovery;
      await ids.restore();
      held.restore(await state.load(stateName, heldPoliciesSchema) ?? []);
      setPolicies(linked);
    },
    async follow(linked, signal) {
      const living = linked.pipeline.discovery;
      const look = () => linked.agent.nextTick();
      function onPolicies(): void {
        setPolicies(linked);
        void state.save(stateName, held.exportState());
      }
      const asked = new AskedTasks({
        ...{ oap, agentId, health, logger, look, processesOf },
        ...{ start: startAsked(linked), change: changeAsked(linked) },
        reasonAgainst: (kind) => linked.agent.reasonAgainst(kind),
      });
      await Promise.all([
        new ProcessReports({ oap, book, registry, health, look }).run(living, signal),
        new PolicyPoll({ oap, book, held, health, logger, look, onPolicies }).run(living, signal),
        asked.run(signal),
      ]);
    },
    close: () => oap.close(),
  };
}
