import { storedSwitch } from "./stored_switch.ts";

/** Whether frames by which languages' runtimes run functions are shown; remembered in this browser. */
export const runtimeFrames = storedSwitch("stakeout runtime frames");
