import type { ComponentChildren } from "preact";
import { connection } from "../live.ts";
import { place } from "../router.ts";
import { BrandMark } from "./brand_mark.tsx";
import { ConnectionBanner } from "./connection_banner.tsx";
import { RunningTasks } from "./running_tasks.tsx";
import { ThemeButton } from "./theme_button.tsx";

const screens = [["/", "Overview"], ["/policies", "Policies"], ["/processes", "Processes"], [
  "/tasks",
  "Tasks",
]] as const;

const connectionWords = {
  connecting: "Connecting",
  live: "Live",
  lost: "Offline",
  asleep: "Asleep",
} as const;

/** Frame of every screen: navigation, what runs now, connection, colours. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { path } = place.value;
  const state = connection.value;
  return (
    <>
      <a class="skip" href="#page">Skip to content</a>
      <header class="top">
        <a class="brand" href="/">
          <BrandMark />Stakeout
        </a>
        <nav class="nav" aria-label="Screens">
          {screens.map(([to, title]) => (
            <a key={to} href={to} {...(isOn(path, to) ? { "aria-current": "page" as const } : {})}>{title}</a>
          ))}
        </nav>
        <div class="top-end">
          <RunningTasks />
          <span class="live" role="status">
            <span class={`dot ${state === "live" ? "good" : state === "lost" ? "bad" : ""}`} />
            {connectionWords[state]}
          </span>
          <ThemeButton />
        </div>
      </header>
      <ConnectionBanner />
      <main id="page" class="page" tabIndex={-1}>{children}</main>
    </>
  );
}

function isOn(path: string, screen: string): boolean {
  return screen === "/" ? path === "/" : path === screen || path.startsWith(`${screen}/`);
}
