import { DatabaseSync } from "node:sqlite";
import { type Migration, migrations as allMigrations } from "./migrations.ts";
import { describeDatabaseError, StoreError } from "./store_error.ts";

/** "STKO": marks a database of this program in the file's header. */
const applicationId = 0x53544b4f;
/** A server that ends may hold the file for a moment longer. */
const lockWaitMs = 1_000;
const wholeCheckBytes = 512 * 1024 * 1024;

/**
 * Opens the database, checks it, and brings it to the newest schema.
 * Shape: one file with a write-ahead log, held by one connection at a time (a second one is refused).
 * Limits: after an unclean end a file up to 512 MiB is checked whole, beyond that its small tables only.
 * Loss: none. A newer or damaged file is refused as it is; before a migration a copy is written beside it.
 *
 * @throws {StoreError}
 */
export function openDatabase(path: string, migrations: readonly Migration[] = allMigrations): DatabaseSync {
  const inMemory = path === ":memory:";
  const newest = migrations.at(-1)?.version ?? 0;
  const exists = !inMemory && sizeOf(path) > 0;
  const unclean = exists && sizeOf(`${path}-wal`) > 0;
  let database: DatabaseSync | undefined;
  try {
    if (exists) examine(path, newest, unclean);
    database = new DatabaseSync(path, { timeout: lockWaitMs });
    if (!inMemory) Deno.chmodSync(path, 0o600);
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA journal_size_limit = 16777216;
      PRAGMA cache_size = -65536;
      PRAGMA temp_store = MEMORY;
      PRAGMA trusted_schema = OFF;`);
    migrate(database, path, migrations);
    return database;
  } catch (error) {
    database?.close();
    throw describeDatabaseError(error, path);
  }
}

/** Runs `body` in one write transaction; whatever it throws undoes all of it. */
export function transact<T>(database: DatabaseSync, body: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // A full disk may have ended the transaction already.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/**
 * Refuses a foreign, newer or damaged database without a write: the versions come from the header, or through the log
 * when one was left behind, which also tells that the end was unclean.
 */
function examine(path: string, newest: number, unclean: boolean): void {
  let { version, application } = readHeader(path);
  let empty = false;
  if (unclean || application === 0) {
    const reader = new DatabaseSync(path, { readOnly: true });
    try {
      reader.exec(`PRAGMA busy_timeout = ${lockWaitMs}`);
      version = Number(reader.prepare("PRAGMA user_version").get()?.user_version);
      application = Number(reader.prepare("PRAGMA application_id").get()?.application_id);
      // What a server leaves that was killed while it made the file.
      empty = version === 0 && reader.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
      if (unclean && version <= newest) check(reader, path);
    } finally {
      reader.close();
    }
  }
  if (application !== applicationId && !empty) {
    throw new StoreError(
      "corrupt",
      `Cannot use ${path}: not a database of stakeout; choose another state folder`,
    );
  }
  if (version > newest) {
    throw new StoreError(
      "newer",
      `Cannot use ${path}: made by a newer version (schema ${version}, this one knows ${newest}); ` +
        "run that version or put a backup in its place",
    );
  }
}

function readHeader(path: string): { version: number; application: number } {
  const header = new Uint8Array(100);
  const file = Deno.openSync(path);
  try {
    file.readSync(header);
  } finally {
    file.close();
  }
  if (new TextDecoder().decode(header.subarray(0, 15)) !== "SQLite format 3") {
    throw new StoreError(
      "corrupt",
      `Cannot use ${path}: file is not a database; move it away, or put a backup in its place`,
    );
  }
  const view = new DataView(header.buffer);
  return { version: view.getUint32(60), application: view.getUint32(68) };
}

function check(database: DatabaseSync, path: string): void {
  // With a number the check is of everything and stops at as many faults.
  const parts = sizeOf(path) <= wholeCheckBytes ? ["1"] : ["agents", "policies", "tasks", "series"];
  for (const part of parts) {
    const result = String(database.prepare(`PRAGMA quick_check(${part})`).get()?.quick_check);
    if (result === "ok") continue;
    throw new StoreError(
      "corrupt",
      `Cannot use ${path}: damaged (${
        result.split("\n").at(-1)
      }); move the file and its -wal away, or put a backup in its place`,
    );
  }
}

function migrate(database: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const from = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  const pending = migrations.filter(({ version }) => version > from);
  if (pending.length === 0) return;
  if (from > 0 && path !== ":memory:") writeBackup(database, `${path}.v${from}.backup`);
  for (const { version, sql } of pending) {
    transact(database, () => {
      database.exec(sql);
      database.exec(`PRAGMA user_version = ${version}; PRAGMA application_id = ${applicationId}`);
    });
  }
}

function writeBackup(database: DatabaseSync, path: string): void {
  const partial = `${path}.partial`;
  if (sizeOf(partial) > 0) Deno.removeSync(partial);
  database.prepare("VACUUM INTO ?").run(partial);
  Deno.chmodSync(partial, 0o600);
  Deno.renameSync(partial, path);
}
