import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { StoreError } from "./store_error.ts";

const newest = migrations.at(-1)!.version;

async function withFolder(body: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function failsWith(kind: StoreError["kind"], message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof StoreError && error.kind === kind && message.test(error.message);
}

Deno.test("openDatabase() makes a private file of the newest schema", () =>
  withFolder((folder) => {
    const database = openDatabase(`${folder}/a.db`);
    assert.equal(database.prepare("PRAGMA user_version").get()?.user_version, newest);
    assert.equal(database.prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
    database.close();
    assert.equal(Deno.statSync(`${folder}/a.db`).mode! & 0o777, 0o600);
  }));

Deno.test("openDatabase() refuses a newer database and leaves every byte as it is", () =>
  withFolder((folder) => {
    const path = `${folder}/a.db`;
    const newer = [...migrations, { version: 99, sql: "CREATE TABLE later (x INTEGER)" }];
    openDatabase(path, newer).close();
    const before = Deno.readFileSync(path);
    assert.throws(
      () => openDatabase(path),
      failsWith("newer", /a\.db: made by a newer version \(schema 99, .*run/),
    );
    assert.deepEqual(Deno.readFileSync(path), before);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.db"]);
  }));

Deno.test("openDatabase() sees that a database is newer when only its log says so", () =>
  withFolder((folder) => {
    const newer = [...migrations, { version: 99, sql: "CREATE TABLE later (x INTEGER)" }];
    openDatabase(`${folder}/a.db`).close();
    const open = openDatabase(`${folder}/a.db`, newer);
    // As a kill leaves it: the log beside the file, nothing of it in the file.
    Deno.copyFileSync(`${folder}/a.db`, `${folder}/b.db`);
    Deno.copyFileSync(`${folder}/a.db-wal`, `${folder}/b.db-wal`);
    open.close();
    const before = [Deno.readFileSync(`${folder}/b.db`), Deno.readFileSync(`${folder}/b.db-wal`)];
    assert.throws(() => openDatabase(`${folder}/b.db`), failsWith("newer", /schema 99/));
    assert.deepEqual([Deno.readFileSync(`${folder}/b.db`), Deno.readFileSync(`${folder}/b.db-wal`)], before);
  }));

Deno.test("openDatabase() writes a backup before it migrates", () =>
  withFolder((folder) => {
    const path = `${folder}/a.db`;
    const old = openDatabase(path);
    old.exec("INSERT INTO meta VALUES ('kept', 23)");
    old.close();
    const newer = [...migrations, { version: 99, sql: "UPDATE meta SET value = 42" }];
    const migrated = openDatabase(path, newer);
    assert.equal(migrated.prepare("SELECT value FROM meta WHERE key = 'kept'").get()?.value, 42);
    migrated.close();
    const backup = new DatabaseSync(`${path}.v${newest}.backup`);
    assert.equal(backup.prepare("SELECT value FROM meta WHERE key = 'kept'").get()?.value, 23);
    backup.close();
    assert.equal(Deno.statSync(`${path}.v${newest}.backup`).mode! & 0o777, 0o600);
  }));

Deno.test("openDatabase() undoes a migration that fails", () =>
  withFolder((folder) => {
    const path = `${folder}/a.db`;
    openDatabase(path).close();
    const broken = [...migrations, {
      version: 99,
      sql: "CREATE TABLE half (x INTEGER); SELECT * FROM nowhere",
    }];
    assert.throws(() => openDatabase(path, broken), failsWith("failed", /nowhere/));
    const database = openDatabase(path);
    assert.equal(database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").get(), undefined);
    database.close();
  }));

Deno.test("openDatabase() refuses what is no database of ours, and never writes to it", () =>
  withFolder((folder) => {
    const text = `${folder}/text.db`;
    Deno.writeTextFileSync(text, "not a database, whatever its name says\n".repeat(23));
    assert.throws(
      () => openDatabase(text),
      failsWith("corrupt", /text\.db: file is not a database; move it away/),
    );
    assert.match(Deno.readTextFileSync(text), /^not a database/);
    const other = new DatabaseSync(`${folder}/other.db`);
    other.exec("CREATE TABLE theirs (x INTEGER)");
    other.close();
    const before = Deno.readFileSync(`${folder}/other.db`);
    assert.throws(
      () => openDatabase(`${folder}/other.db`),
      failsWith("corrupt", /not a database of stakeout/),
    );
    assert.deepEqual(Deno.readFileSync(`${folder}/other.db`), before);
  }));

Deno.test("openDatabase() finds damage after an unclean end and names file and fix", () =>
  withFolder((folder) => {
    const path = `${folder}/a.db`;
    const database = openDatabase(path);
    const insert = database.prepare("INSERT INTO metric_journal (data) VALUES (zeroblob(4000))");
    for (let row = 0; row < 100; row++) insert.run();
    database.close();
    const bytes = Deno.readFileSync(path);
    bytes.fill(0xa5, 8192, 8192 + 60_000);
    Deno.writeFileSync(path, bytes);
    // A log that was left behind tells that the end was unclean.
    Deno.writeFileSync(`${path}-wal`, new Uint8Array(32));
    assert.throws(() => openDatabase(path), failsWith("corrupt", /a\.db: .*(put a backup in its place)/));
    assert.deepEqual(Deno.readFileSync(path), bytes);
  }));

Deno.test("openDatabase() refuses a second connection", () =>
  withFolder((folder) => {
    const first = openDatabase(`${folder}/a.db`);
    assert.throws(() => openDatabase(`${folder}/a.db`), failsWith("locked", /stop the other server/));
    first.close();
  }));

Deno.test("openDatabase() keeps series and their seconds of version 1 when they get a variant", () =>
  withFolder((folder) => {
    const path = `${folder}/a.db`;
    const old = openDatabase(path, migrations.slice(0, 1));
    old.exec(
      `INSERT INTO series VALUES (23, 'a', 'p-0', 'process_cpu', '', 498611), (29, 'a', '', 'system_load', '', 7);
      INSERT INTO metric_minutes VALUES (29916660, 23, x'0102');
      INSERT INTO meta VALUES ('set', 5)`,
    );
    old.close();
    const database = openDatabase(path);
    assert.deepEqual(
      database.prepare("SELECT * FROM series ORDER BY id").all().map((row) => Object.values(row)),
      [[23, "a", "p-0", "process_cpu", "", "", 498611], [29, "a", "", "system_load", "", "", 7]],
    );
    assert.equal(database.prepare("SELECT series FROM metric_minutes").get()?.series, 23);
    // The same rule with other errors is a second series, and one is only there once.
    const insert = "INSERT INTO series (agent_id, process_id, metric, uri, variant, last_hour) VALUES";
    database.exec(
      `${insert} ('a', 'p-0', 'http_error_rate', '/pay', '5xx', 1), ('a', 'p-0', 'http_error_rate', '/pay', '', 1)`,
    );
    assert.throws(
      () => database.exec(`${insert} ('a', 'p-0', 'http_error_rate', '/pay', '5xx', 1)`),
      /UNIQUE/,
    );
    database.close();
    assert.ok(Deno.statSync(`${path}.v1.backup`).isFile);
  }));
