import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** A titled part of a screen; a landmark of its own. */
export function Panel({ title, count, end, children }: {
  title: string;
  /** How many there are of what it lists. */
  count?: string | undefined;
  /** Controls at the right end of the head. */
  end?: ComponentChildren;
  children?: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="panel" aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>
          {title}
          {count !== undefined && <span class="count">{count}</span>}
        </h2>
        {end !== undefined && <div class="end">{end}</div>}
      </div>
      {children}
    </section>
  );
}
