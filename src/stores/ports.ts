/**
 * What the rest of Tollgate asks of a store. Synchronous: the embedded engine is, and the gates must not wait.
 * Every method that writes is one transaction, all or nothing. Throws INTERNAL_STORE when the medium fails.
 */
export interface Store {
  readonly journal: JournalPort
  readonly runs: RunPort
  readonly tickets: TicketPort
  readonly receipts: ReceiptPort
  readonly tasks: TaskPort
  readonly kv: KvPort
  readonly fileCommits: FileCommitPort
  /** Runs `work`, which only reads: all its readings are of one moment. */
  snapshot<T>(work: () => T): T
  close(): void
}

/** `kept`: handed to the operating system, survives SIGKILL of the process. `synced`: also fsync, survives a power cut. */
export type Durability = 'kept' | 'synced'

/** One journal event with its audit record. */
export type EventRow = {
  readonly runId: string
  /** From 0, without gaps. */
  readonly n: number
  /** The event, JSON: arguments and results, for replay. */
  readonly event: string
  /** The audit record's body, JSON, exactly the bytes that `hash` covers. */
  readonly record: string
  /** SHA-256 over the previous hash and `record`. */
  readonly hash: string
  /** On the first event of a run that is not in the store yet: it is inserted with the event, and linked into the state-wide chain. */
  readonly begins?: RunRow
}

/** An event as it rests; `previous` is the hash of the record before it, empty where there is none. */
export type StoredEvent = EventRow & { readonly previous: string }

export interface JournalPort {
  append(rows: readonly EventRow[], durability: Durability): void
  /** In the order in which they were kept; with a limit, the last ones. */
  read(filter: { readonly runId?: string; readonly limit?: number }): readonly StoredEvent[]
  /** Of every run that has an event, in the order of their first ones. */
  runIds(): readonly string[]
  /** The state-wide chain of heads. */
  links(): readonly ChainLink[]
}

/** A link of the state-wide chain: a run's head at its start or end. */
export type ChainLink = {
  readonly n: number
  readonly runId: string
  readonly kind: 'start' | 'end'
  /** Hash of the run's last record at that moment. */
  readonly head: string
  /** How many records the run had at that moment. */
  readonly records: number
  readonly body: string
  readonly hash: string
}

export type RunRow = {
  readonly runId: string
  readonly task: string
  readonly principal: string
  readonly startedAtMs: number
  readonly idempotencyKey?: string
  /** SHA-256 over tool, policy and input; what an idempotency key must match. */
  readonly requestDigest: string
  readonly policyDigest: string
  readonly toolDigest: string
}

export type StoredRun = RunRow & { readonly result: string | undefined }

export interface RunPort {
  /** Inserts the run, its first event and its link in the state-wide chain, at once. False when the principal used the idempotency key before. */
  start(row: RunRow, first: EventRow): boolean
  /** Stores the result, the last events and the closing link in one transaction; kept, for an effect's outcome is synced before. */
  end(runId: string, result: string, last: readonly EventRow[], head: string, records: number): void
  get(runId: string): StoredRun | undefined
  ids(): readonly string[]
  byKey(principal: string, key: string): StoredRun | undefined
  /** Newest first; a limit of -1 stands for all. */
  list(filter: { readonly task?: string; readonly limit: number }): readonly StoredRun[]
}

export type TicketState = 'pending' | 'approved' | 'denied' | 'expired' | 'used'

export interface TicketPort {
  put(id: string, runId: string, digest: string, ticket: string, expiresAtMs: number): void
  /** pending → approved, denied or expired. False when it was decided already. */
  decide(
    id: string,
    state: 'approved' | 'denied' | 'expired',
    by: string,
    reason: string | undefined,
    atMs: number,
  ): boolean
  /** approved → used, if the digest is the one approved and the ticket has not expired. True for exactly one caller. */
  use(id: string, digest: string, atMs: number): boolean
  get(
    id: string,
  ): { readonly state: TicketState; readonly digest: string; readonly ticket: string } | undefined
}

export type Receipt = {
  readonly state: 'intended' | 'done' | 'failed' | 'uncertain'
  readonly requestDigest: string
  /** The guest error or the result, JSON, once known. */
  readonly outcome: string | undefined
  readonly expiresAtMs: number | undefined
}

export type ReceiptIntent = {
  readonly scope: string
  readonly runId: string
  readonly requestDigest: string
  readonly expiresAtMs: number | undefined
  /** An attempt under the same key that may have happened may be repeated: the other side knows the key, or the op is idempotent. */
  readonly repeatable: boolean
  /** An earlier attempt whose key the other side has forgotten by now is not repeated. */
  readonly nowMs: number
}

export interface ReceiptPort {
  get(scope: string): Receipt | undefined
  /** Writes the intent, synced, together with the events before it. False when the scope is taken; the events are written all the same. */
  intend(intent: ReceiptIntent, events: readonly EventRow[]): boolean
  /** Writes the outcome, synced, together with its event. What is known to be done stays done. */
  settle(
    scope: string,
    state: 'done' | 'failed' | 'uncertain',
    outcome: string,
    events: readonly EventRow[],
  ): void
}

export interface TaskPort {
  /** Takes the lease of a task; its saved ledger, or undefined for a new one. Throws LIMIT_TASK_BUSY when another live owner has it. */
  acquire(principal: string, task: string, owner: string, nowMs: number, leaseMs: number): string | undefined
  /** Saves the ledger and extends the lease. */
  save(principal: string, task: string, owner: string, ledger: string, untilMs: number): void
  release(principal: string, task: string, owner: string, ledger: string): void
}

/** Values that tools keep, one space for each principal. Bytes are those of key and JSON text in UTF-8. */
export interface KvPort {
  get(principal: string, key: string): string | undefined
  /** Keeps the value unless the principal would then hold more than the quota; then it names which part. */
  put(
    principal: string,
    key: string,
    json: string,
    quota: { readonly bytesMax: number; readonly keysMax: number },
  ): 'kept' | 'bytes' | 'keys'
  /** Whether there was such a key. */
  delete(principal: string, key: string): boolean
  /** Keys that begin with `prefix` and come after `after` in the order of their UTF-8 bytes. */
  list(principal: string, prefix: string, after: string, limit: number): readonly string[]
}

/** A commit of files that has begun. Until it is decided nothing happened, from then on all of it does. */
export type FileCommit = {
  readonly id: string
  readonly state: 'prepared' | 'decided'
  /** What the capability needs to finish it, or to clear away what was prepared. */
  readonly manifest: string
}

/** `conflict`: all of it but what somebody else had changed after it was decided. */
export type FileCommitFate = 'done' | 'undone' | 'conflict'

/** The redo log of files: what tells after a crash whether a commit happened. */
export interface FileCommitPort {
  /** Keeps every other committer of this state out, also those of other processes, until it is released or the process ends. Undefined: one is at work. */
  lock(): (() => void) | undefined
  unfinished(): readonly FileCommit[]
  /** Kept. */
  prepare(id: string, manifest: string): void
  /** The switch: synced. */
  decide(id: string): void
  settle(id: string, fate: FileCommitFate): void
  /** Of all whose id begins so: what became of them. */
  fates(
    prefix: string,
  ): readonly { readonly id: string; readonly state: FileCommit['state'] | FileCommitFate }[]
}
