import { signal } from "@preact/signals";

/** Where the browser is: the path that chooses the screen, and the query that holds the screen's settings. */
export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The current place; changes with links, with `navigate` and with the browser's back and forward. */
export const place = signal<Place>(readPlace());

let leaveQuestion: string | undefined;

/** Goes to a path of this UI. With `replace` the back button skips where we were. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (!mayLeave(to)) return;
  const samePath = new URL(to, location.origin).pathname === location.pathname;
  history[options.replace === true ? "replaceState" : "pushState"](null, "", to);
  place.value = readPlace();
  if (!samePath) {
    scrollTo(0, 0);
    document.getElementById("page")?.focus({ preventScroll: true });
  }
}

/** Changes settings in the query without a new entry in the history; `""` removes one. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", location.pathname + (text === "" ? "" : `?${text}`));
  place.value = readPlace();
}

/** Asks this question before leaving the screen; undefined when there is nothing to lose. */
export function askBeforeLeaving(question: string | undefined): void {
  leaveQuestion = question;
}

/** Makes plain links stay inside the page, and follows back and forward. Call once. */
export function startRouter(): void {
  addEventListener("popstate", () => place.value = readPlace());
  addEventListener("beforeunload", (event) => {
    if (leaveQuestion !== undefined) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || link.target !== "" || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.pathname.startsWith("/api/") || link.hash !== "") return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

function mayLeave(to: string): boolean {
  if (leaveQuestion === undefined) return true;
  if (new URL(to, location.origin).pathname === location.pathname) return true;
  if (!confirm(leaveQuestion)) return false;
  leaveQuestion = undefined;
  return true;
}

function readPlace(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}
