import { storedSwitch } from "./stored_switch.ts";

/** Whether flames grow upward from the root; remembered in this browser. */
export const upwardFlames = storedSwitch("stakeout upward flames");
