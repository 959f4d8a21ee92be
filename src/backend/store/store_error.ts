/**
 * Why the store could not do what was asked: `newer` (made by a later version), `corrupt`, `locked` (another process
 * has it open), `full` (no space left; reads go on), `busy` (too much asked at once), `closed`, or `failed`.
 */
export type StoreErrorKind = "newer" | "corrupt" | "locked" | "full" | "busy" | "closed" | "failed";

/** The store's only error: a whole sentence for people, and the kind for code. */
export class StoreError extends Error {
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.kind = kind;
  }
}

const kindsByCode: Readonly<Record<number, StoreErrorKind>> = {
  5: "locked",
  6: "locked",
  11: "corrupt",
  13: "full",
  26: "corrupt",
};
/** SQLite's own sentences, for errors of exec(), which carry no number. */
const kindsByMessage: readonly (readonly [RegExp, StoreErrorKind])[] = [
  [/database or disk is full/, "full"],
  [/database (table )?is locked/, "locked"],
  [/malformed|not a database/, "corrupt"],
];

/** Turns an error of SQLite into a StoreError that names the file and the fix; leaves other errors as they are. */
export function describeDatabaseError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "ERR_SQLITE_ERROR") return error;
  const number = (error as { errcode?: unknown }).errcode;
  const kind = (typeof number === "number" ? kindsByCode[number & 0xff] : undefined) ??
    kindsByMessage.find(([pattern]) => pattern.test(error.message))?.[1] ?? "failed";
  return new StoreError(kind, `Cannot use ${path}: ${error.message}; ${fixes[kind]}`, { cause: error });
}

const fixes: Readonly<Record<StoreErrorKind, string>> = {
  newer: "run the version that made it",
  corrupt: "move the file and its -wal away, or put a backup in its place",
  locked: "stop the other server, or choose another state folder",
  full: "free some disk space",
  busy: "try again",
  closed: "start the server again",
  failed: "check the folder's owner, permissions and free space",
};
