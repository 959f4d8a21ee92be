import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Store } from "../store/store.ts";
import type { RoverCommands } from "./rover_commands.ts";
import type { RoverDirectory } from "./rover_directory.ts";
import type { TaskAdmission } from "./task_admission.ts";

/** What the services of this wire share. */
export interface RoverShared {
  readonly directory: RoverDirectory;
  readonly commands: RoverCommands;
  readonly admission: TaskAdmission;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}
