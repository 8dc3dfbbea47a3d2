/** Schema migrations, oldest first; the position is the version. Never edit one that was released: append. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, task TEXT NOT NULL, principal TEXT NOT NULL, started_at_ms INTEGER NOT NULL,
    idempotency_key TEXT, request_digest TEXT NOT NULL, policy_digest TEXT NOT NULL, tool_digest TEXT NOT NULL, result TEXT
  ) STRICT;
  CREATE UNIQUE INDEX runs_by_key ON runs (principal, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX runs_by_start ON runs (started_at_ms);
  CREATE TABLE events (
    run_id TEXT NOT NULL, n INTEGER NOT NULL, event TEXT NOT NULL, record TEXT NOT NULL, hash TEXT NOT NULL,
    UNIQUE (run_id, n)
  ) STRICT;
  CREATE TABLE chain (
    n INTEGER PRIMARY KEY, run_id TEXT NOT NULL, kind TEXT NOT NULL, head TEXT NOT NULL, records INTEGER NOT NULL,
    body TEXT NOT NULL, hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE tickets (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL, digest TEXT NOT NULL, ticket TEXT NOT NULL, expires_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL, decided_by TEXT, reason TEXT, decided_at_ms INTEGER
  ) STRICT;
  CREATE TABLE receipts (
    scope TEXT PRIMARY KEY, run_id TEXT NOT NULL, request_digest TEXT NOT NULL, state TEXT NOT NULL, outcome TEXT, expires_at_ms INTEGER
  ) STRICT;
  CREATE TABLE tasks (
    principal TEXT NOT NULL, task TEXT NOT NULL, owner TEXT, until_ms INTEGER NOT NULL, ledger TEXT,
    PRIMARY KEY (principal, task)
  ) STRICT;
  `,
  `
  CREATE TABLE kv (
    principal TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
  ) STRICT;
  `,
  `
  CREATE TABLE file_commits (id TEXT PRIMARY KEY, state TEXT NOT NULL, manifest TEXT NOT NULL) STRICT;
  CREATE INDEX file_commits_unfinished ON file_commits (state) WHERE state IN ('prepared', 'decided');
  `,
]
