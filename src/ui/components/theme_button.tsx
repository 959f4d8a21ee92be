import { type Theme, theme } from "../theme.ts";
import { Icon } from "./icon.tsx";

const next: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const words: Readonly<Record<Theme, string>> = {
  system: "Colours follow the system; switch to light",
  light: "Light colours; switch to dark",
  dark: "Dark colours; follow the system",
};
const icons = { system: "screen", light: "sun", dark: "moon" } as const;

/** Goes through system, light and dark colours. */
export function ThemeButton() {
  const current = theme.value;
  return (
    <button
      type="button"
      class="button plain icon-only"
      aria-label={words[current]}
      title={words[current]}
      onClick={() => theme.value = next[current]}
    >
      <Icon name={icons[current]} />
    </button>
  );
}
