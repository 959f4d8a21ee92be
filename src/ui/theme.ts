import { effect, signal } from "@preact/signals";

/** What the user chose; `system` follows the operating system. */
export type Theme = "system" | "light" | "dark";

const storageKey = "stakeout theme";
const darkSystem = matchMedia("(prefers-color-scheme: dark)");

/** The choice, remembered in this browser. */
export const theme = signal<Theme>(readStored());

/** Counts up when colours change, for what is painted on canvases. */
export const paintVersion = signal(0);

/** Applies the choice to the document and keeps it. Call once. */
export function startTheme(): void {
  effect(() => {
    const root = document.documentElement;
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
    store(theme.value);
    paintVersion.value = paintVersion.peek() + 1;
  });
  darkSystem.addEventListener("change", () => paintVersion.value++);
}

/** Whether dark colours show now. */
export function isDark(): boolean {
  return theme.peek() === "system" ? darkSystem.matches : theme.peek() === "dark";
}

/** A colour of style/tokens.css as the canvas takes it, such as `rgb(18, 32, 42)`. */
export function readColor(token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

function readStored(): Theme {
  try {
    const stored = localStorage.getItem(storageKey);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

function store(choice: Theme): void {
  try {
    localStorage.setItem(storageKey, choice);
  } catch {
    // Storage is blocked: the choice lasts as long as the tab.
  }
}
