import { ProfileKind, type Task } from "../../gen/stakeout/v1/task_pb.ts";
import type { RoverAgent } from "./rover_agent.ts";
import type { RoverProcess } from "./rover_process.ts";
import type { RoverTask } from "./rover_task.ts";

/** Whether a network profile covers a process: it is of a service instance of the task's, as it is with our own agents. */
export function coversProcess({ services, instances }: Task, process: RoverProcess): boolean {
  return services.some((service, index) =>
    service === process.service && instances[index] === process.instance
  );
}

/** All processes that a network profile covers, as far as the agent has reported them. */
export function coveredProcesses(agent: RoverAgent, task: Task): RoverProcess[] {
  return [...agent.processes.values()].filter((process) => coversProcess(task, process));
}

/** The newest that is over and of whose time something is: an agent that was away sends it late. */
export function findLateTask(agent: RoverAgent, process: RoverProcess, atMs: number): RoverTask | undefined {
  return [...agent.tasks.values()].findLast((one) =>
    one.task.kinds.includes(ProfileKind.NETWORK) && coversProcess(one.task, process) &&
    one.missesNetwork(atMs)
  );
}

/** The network profile that a process is in now; there is one at a time. */
export function findNetworkTask(agent: RoverAgent, process: RoverProcess): RoverTask | undefined {
  return agent.runningTasks.find(({ task }) =>
    task.kinds.includes(ProfileKind.NETWORK) && coversProcess(task, process)
  );
}
