import { effect, signal } from "@preact/signals";

const storageKey = "stakeout upward flames";

/** Whether flames grow upward from the root; remembered in this browser. */
export const upwardFlames = signal(readStored());

effect(() => {
  try {
    localStorage.setItem(storageKey, String(upwardFlames.value));
  } catch {
    // Storage is blocked: the choice lasts as long as the tab.
  }
});

function readStored(): boolean {
  try {
    return localStorage.getItem(storageKey) === "true";
  } catch {
    return false;
  }
}
