import type { ComponentChildren } from "preact";
import type { Query } from "../use_query.ts";
import { Empty } from "./empty.tsx";

/**
 * Shows what a question gave: the answer, a sketch of it while the first is awaited, or the failure in its place with a
 * way to try again. An old answer stays under a failure.
 */
export function Answer<T>({ query, missing, children }: {
  query: Query<T>;
  /** Words for something that is not there, such as a deleted policy. */
  missing?: string;
  children: (data: T) => ComponentChildren;
}) {
  if (query.notFound && missing !== undefined) {
    return (
      <Empty title={missing}>
        <a class="button" href="/">Go to the overview</a>
      </Empty>
    );
  }
  return (
    <>
      {query.error !== undefined && <Failure message={query.error} retry={query.reload} />}
      {query.data !== undefined
        ? children(query.data)
        : query.error === undefined && (
          <div class="loading" role="status" aria-label="Loading">
            <span />
            <span />
            <span />
          </div>
        )}
    </>
  );
}

/** A failure in its place, with a way to try again. */
export function Failure({ message, retry }: { message: string; retry?: () => void }) {
  return (
    <div class="failure" role="alert">
      <span>{message}</span>
      {retry !== undefined && <button type="button" class="button small" onClick={retry}>Try again</button>}
    </div>
  );
}
