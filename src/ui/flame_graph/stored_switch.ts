import { effect, type Signal, signal } from "@preact/signals";

/** A choice between yes and no that this browser remembers; no at first. */
export function storedSwitch(key: string): Signal<boolean> {
  const choice = signal(readStored(key));
  effect(() => {
    try {
      localStorage.setItem(key, String(choice.value));
    } catch {
      // Storage is blocked: the choice lasts as long as the tab.
    }
  });
  return choice;
}

function readStored(key: string): boolean {
  try {
    return localStorage.getItem(key) === "true";
  } catch {
    return false;
  }
}
