/** One step of the database's schema, from version - 1 to version. Never changed once released. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/**
 * All steps, ascending. Times are Unix milliseconds UTC unless the name says minute or hour (since the epoch);
 * `data` is a protobuf message of the wire unless said otherwise.
 */
export const migrations: readonly Migration[] = [{
  version: 1,
  sql: `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
  id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,       -- highest stored, never goes back
  last_seen_ms INTEGER NOT NULL,
  info BLOB NOT NULL,
  status BLOB                      -- newest AgentStatus
) STRICT;

CREATE TABLE processes (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  name TEXT NOT NULL,
  exe TEXT NOT NULL,
  service TEXT NOT NULL,
  instance TEXT NOT NULL,
  cgroup TEXT NOT NULL,
  labels TEXT NOT NULL,            -- JSON object
  ended_ms INTEGER NOT NULL,       -- 0 while it lives
  search TEXT NOT NULL,            -- all searchable words, lower case
  data BLOB NOT NULL
) STRICT;
CREATE INDEX processes_live ON processes (agent_id) WHERE ended_ms = 0;
CREATE INDEX processes_service ON processes (service, agent_id, instance) WHERE ended_ms = 0;
CREATE INDEX processes_ended ON processes (ended_ms) WHERE ended_ms > 0;

CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL,
  process_id TEXT NOT NULL,
  metric TEXT NOT NULL,
  uri TEXT NOT NULL,
  last_hour INTEGER NOT NULL,      -- newest hour known to hold data
  UNIQUE (agent_id, process_id, metric, uri)
) STRICT;
CREATE INDEX series_process ON series (process_id);
CREATE INDEX series_last ON series (last_hour);

-- Acknowledged columns whose minutes are not packed yet; see journal_entry.ts.
CREATE TABLE metric_journal (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
-- Time first: writes append, and what is too old goes in one piece.
CREATE TABLE metric_minutes (
  minute INTEGER NOT NULL, series INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE metric_hours (
  hour INTEGER NOT NULL, series INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (hour, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL,
  policy TEXT NOT NULL,
  metric TEXT NOT NULL,
  state INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  deadline_ms INTEGER NOT NULL,    -- when it ends by itself
  search TEXT NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX tasks_started ON tasks (started_ms);
CREATE INDEX tasks_policy ON tasks (policy, started_ms);
CREATE TABLE task_processes (
  process_id TEXT NOT NULL, task_id TEXT NOT NULL, service TEXT NOT NULL, PRIMARY KEY (process_id, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_processes_task ON task_processes (task_id);
CREATE INDEX task_processes_service ON task_processes (service);

CREATE TABLE profiles (
  task_id TEXT NOT NULL, kind INTEGER NOT NULL, bytes INTEGER NOT NULL, start_ms INTEGER NOT NULL,
  PRIMARY KEY (task_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX profiles_start ON profiles (start_ms);
CREATE TABLE profile_chunks (
  number INTEGER PRIMARY KEY,
  task_id TEXT NOT NULL, kind INTEGER NOT NULL, chunk INTEGER NOT NULL, data BLOB NOT NULL,
  UNIQUE (task_id, kind, chunk)
) STRICT;

CREATE TABLE refusals (
  number INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL, policy TEXT NOT NULL, process_id TEXT NOT NULL, reason TEXT NOT NULL,
  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, data BLOB NOT NULL,
  UNIQUE (agent_id, policy, process_id, reason, first_ms)
) STRICT;
CREATE INDEX refusals_last ON refusals (last_ms);
CREATE INDEX refusals_process ON refusals (process_id);

CREATE TABLE policies (
  name TEXT PRIMARY KEY, version INTEGER NOT NULL, source TEXT NOT NULL, updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Every save; the last row of a deleted policy says so and holds its last text.
CREATE TABLE policy_versions (
  name TEXT NOT NULL, version INTEGER NOT NULL, source TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  change TEXT NOT NULL, PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
`,
}, {
  version: 2,
  sql: `
-- A series also has a variant: what else tells HTTP series apart. A table's unique key cannot be changed in place.
CREATE TABLE series_2 (
  id INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL,
  process_id TEXT NOT NULL,
  metric TEXT NOT NULL,
  uri TEXT NOT NULL,
  variant TEXT NOT NULL,
  last_hour INTEGER NOT NULL,      -- newest hour known to hold data
  UNIQUE (agent_id, process_id, metric, uri, variant)
) STRICT;
INSERT INTO series_2 SELECT id, agent_id, process_id, metric, uri, '', last_hour FROM series;
DROP TABLE series;
ALTER TABLE series_2 RENAME TO series;
CREATE INDEX series_process ON series (process_id);
CREATE INDEX series_last ON series (last_hour);

-- HTTP of the last minutes, a row a process, side and record of about 10 s.
CREATE TABLE http_traffic (
  number INTEGER PRIMARY KEY,      -- ascends as they come
  agent_id TEXT NOT NULL,
  process_id TEXT NOT NULL,
  client INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  seconds INTEGER NOT NULL,
  data BLOB NOT NULL               -- ProcessHttp
) STRICT;
CREATE INDEX http_traffic_process ON http_traffic (process_id, client, start_ms);
CREATE INDEX http_traffic_start ON http_traffic (start_ms);
`,
}, {
  version: 3,
  sql: `
-- A policy's page lists those of the policy.
CREATE INDEX refusals_policy ON refusals (policy, last_ms);
`,
}, {
  version: 4,
  sql: `
-- Ends of network profiles' edges, by what the two ends of the same traffic have in common.
CREATE TABLE network_ends (
  task_id TEXT NOT NULL, edge INTEGER NOT NULL,
  pair TEXT NOT NULL,              -- see traffic_pair.ts
  server INTEGER NOT NULL,         -- 1: it is the server's end
  start_ms INTEGER NOT NULL,       -- of the chunk that told of it first
  PRIMARY KEY (task_id, edge)
) STRICT, WITHOUT ROWID;
CREATE INDEX network_ends_pair ON network_ends (pair, start_ms);
`,
}];
