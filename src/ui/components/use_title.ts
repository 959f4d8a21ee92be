import { useEffect } from "preact/hooks";

/** Sets the tab's title while a screen shows. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Stakeout`;
  }, [title]);
}
