/**
 * The one table of error codes. Both sides share it; README's error reference is generated from it.
 * A code is stable: its meaning may be sharpened, never changed.
 */

/** Whose fault it is, and so who has to act. */
export type Owner = 'operator' | 'policy' | 'tool' | 'approver' | 'upstream' | 'tollgate'

export type CodeEntry = {
  readonly owner: Owner
  /** The same call or run may succeed later without any change. */
  readonly retryable: boolean
  /** Exit code of the CLI when a run ends with it. */
  readonly exit: number
  /** Status of the HTTP API when a run ends with it. */
  readonly http: number
  readonly meaning: string
  /** What the reader can do. */
  readonly remedy: string
}

const entry = (
  owner: Owner,
  exit: number,
  http: number,
  meaning: string,
  remedy: string,
  retryable = false,
): CodeEntry => Object.freeze({ owner, exit, http, retryable, meaning, remedy })

// A table: one line a code.
// prettier-ignore
export const CODES = Object.freeze({
  CONFIG_POLICY_INVALID: entry('operator', 2, 400, 'The policy document breaks its schema.', 'Mend each problem that the message lists; `tollgate check FILE` shows them again.'),
  CONFIG_POLICY_SYNTAX: entry('operator', 2, 400, 'The policy is not well-formed YAML or JSON.', 'Mend the syntax at the line that the message names.'),
  CONFIG_NOT_BUILT: entry('operator', 2, 400, 'The policy uses a key that this version does not enforce yet.', 'Remove the key: Tollgate refuses what it cannot enforce.'),
  CONFIG_FILE_UNREADABLE: entry('operator', 2, 400, 'A file that was named cannot be read.', 'Check the path and its permissions.'),
  CONFIG_SECRET_MISSING: entry('operator', 2, 400, 'A secret that the policy names has no value.', 'Set the environment variable or create the file that the policy names.'),
  CONFIG_SECRET_REFUSED: entry('operator', 2, 400, 'The token endpoint of a secret refused its refresh token or its client.', 'Put a new refresh token at the source that the policy names.'),
  CONFIG_HOST_TOOL_UNKNOWN: entry('operator', 2, 400, 'The policy grants a host tool that the host does not have.', 'Pass the tool to createTollgate or with --tools, or remove the grant.'),
  CONFIG_INPUT_INVALID: entry('operator', 2, 400, 'The input of the run is not JSON, or is too large.', 'Pass one JSON value; in a shell, quote it.'),
  CONFIG_USAGE: entry('operator', 2, 400, 'A function or a command was called with arguments that do not fit.', 'See the docstring, or the command with --help.'),
  CONFIG_DB_UNFIT: entry('operator', 2, 400, 'A database lacks a table or column that the policy grants, or cannot enforce a filter.', 'Mend the grant, or the database, as the message says.'),
  CONFIG_NODE_UNFIT: entry('operator', 2, 500, 'This Node release cannot run Tollgate.', 'Use Node 24 or newer; Node 26 is what the project is tested with.'),
  CONFIG_ENGINE_UNSAFE: entry('operator', 2, 500, 'The installed isolated-vm has a known escape.', 'Install isolated-vm 7.0.1 or newer.'),
  CONFIG_TIER_UNAVAILABLE: entry('operator', 2, 500, 'The hardening that was demanded cannot be had on this machine.', 'Install or set what the message names, or demand less; `tollgate doctor` shows every tier.'),
  CONFIG_STATE_UNUSABLE: entry('operator', 2, 500, 'The state folder cannot be opened or was written by a newer version.', 'Check its path, its permissions and the version of Tollgate.'),

  DENIED_NOT_GRANTED: entry('policy', 3, 403, 'The policy does not grant this op.', 'Grant it under permissions, if the tool should have it.'),
  DENIED_URL: entry('policy', 3, 403, 'The URL is malformed or carries something that is never sent (credentials, control characters, an encoded slash).', 'Send a plain absolute URL.'),
  DENIED_DOMAIN: entry('policy', 3, 403, 'No entry of allowed_domains matches scheme, host and port.', 'Add the domain to permissions.http.allowed_domains.'),
  DENIED_METHOD: entry('policy', 3, 403, 'The domain is allowed, but not with this method.', 'List the method in the entry of the domain.'),
  DENIED_PATH: entry('policy', 3, 403, 'The domain is allowed, but not this path.', 'List the path in the entry of the domain.'),
  DENIED_QUERY: entry('policy', 3, 403, 'A query parameter is not in the list of the domain.', 'List its name under query.'),
  DENIED_HEADER: entry('policy', 3, 403, 'The guest may not set this header, or its name or value is malformed.', 'List the header in the entry of the domain; credentials belong under secrets.'),
  DENIED_ADDRESS: entry('policy', 3, 403, 'The host name resolves to an address that is private, loopback, link-local or reserved.', 'List the network under private_networks, if that is meant.'),
  DENIED_REDIRECT: entry('policy', 3, 403, 'The answer redirects to a place that the policy does not allow, or too often.', 'Allow the place, or raise max_redirects.'),
  DENIED_ARGUMENT: entry('policy', 3, 403, 'An argument of the host tool does not fit the pattern of its grant.', 'Widen args of the grant, if that is meant.'),
  DENIED_STATEMENT: entry('policy', 3, 403, 'The SQL statement does more than the grant allows, or is more than one.', 'Send one statement that only reads.'),
  DENIED_NAME: entry('policy', 3, 403, 'The SQL statement names a table, a column or a function that is not granted.', 'Grant it under read or functions of the database, if that is meant.'),
  DENIED_FILE_PATH: entry('policy', 3, 403, 'The path is malformed, or lies in no mount.', 'Use an absolute path of plain names below a mount.'),
  DENIED_FILE: entry('policy', 3, 403, 'No glob of the mount allows this name.', 'Add a glob to allow of the mount, if that is meant.'),
  DENIED_FILE_MODE: entry('policy', 3, 403, 'The mount can only be read.', 'Set its mode to write, if that is meant.'),
  DENIED_FILE_KIND: entry('policy', 3, 403, 'The path leads to a link, a hard-linked file, a device, a pipe, a socket or another file system.', 'Put a regular file with one name there.'),
  DENIED_SECRET_HOST: entry('policy', 3, 403, 'A secret would leave to a host that it is not meant for.', 'List the host under hosts of the secret.'),
  DENIED_QUARANTINE: entry('policy', 3, 403, 'Code in quarantine gave no result that fits its schema; why, is not told.', 'Try the code with harmless data under exec.run.'),
  DENIED_CAVEAT: entry('tool', 3, 403, 'The policy allows the call, but the handle that only() made for it does not.', 'Use a handle that allows it, if the code should have it.'),
  DENIED_REVOKED: entry('tool', 3, 403, 'The handle was revoked, or one that it was derived from.', 'Use another handle.'),

  LIMIT_TOOL_CALLS: entry('policy', 4, 429, 'The run or its task made as many calls as max_tool_calls allows.', 'Raise limits.max_tool_calls, or make fewer calls.'),
  LIMIT_DURATION: entry('policy', 4, 429, 'The run or its task took as long as max_duration_seconds allows.', 'Raise limits.max_duration_seconds.'),
  LIMIT_CPU: entry('policy', 4, 429, 'The run used as much CPU time as max_cpu_seconds allows.', 'Raise limits.max_cpu_seconds.'),
  LIMIT_MEMORY: entry('policy', 4, 429, 'The run needed more memory than max_memory_mb allows.', 'Raise limits.max_memory_mb.'),
  LIMIT_COST: entry('policy', 4, 429, 'The next call could cost more than is left of max_cost_usd.', 'Raise limits.max_cost_usd.'),
  LIMIT_OP_CALLS: entry('policy', 4, 429, 'A host tool was called as often as max_calls of its grant allows, or a handle as often as calls of its only().', 'Raise max_calls of the grant, or calls.'),
  LIMIT_CHILDREN: entry('policy', 4, 429, 'The run started as many children as max_children allows, or those that go on have all of its memory.', 'Wait for children that go on, or raise max_children.'),
  LIMIT_RATE: entry('policy', 4, 429, 'Calls came faster than the rate of the grant allows.', 'Wait, or raise rate.', true),
  LIMIT_REQUEST_SIZE: entry('policy', 4, 413, 'The request is larger than max_request_size_kb.', 'Send less, or raise the limit.'),
  LIMIT_RESPONSE_SIZE: entry('policy', 4, 413, 'The decoded answer is larger than max_response_size_kb, or the result of a statement than max_result_kb.', 'Ask for less, or raise the limit.'),
  LIMIT_ROWS: entry('policy', 4, 413, 'The SQL statement gives more rows than max_rows.', 'Ask for fewer rows, or raise max_rows.'),
  LIMIT_STATEMENT: entry('policy', 4, 413, 'The SQL statement needs more memory than a statement may.', 'Sort and join fewer rows.'),
  LIMIT_EGRESS: entry('policy', 4, 413, 'The bytes sent to one destination would pass max_egress_kb.', 'Send less, or raise the limit.'),
  LIMIT_FILE_SIZE: entry('policy', 4, 413, 'The file is larger than max_file_kb of its mount.', 'Use smaller files, or raise the limit.'),
  LIMIT_FILE_TOTAL: entry('policy', 4, 413, 'The bytes read from, written to or held by a mount would pass its max_total_kb.', 'Read or write less, or raise the limit.'),
  LIMIT_FILES: entry('policy', 4, 413, 'More files or folders than max_files, or a path deeper than max_depth, of the mount.', 'Use fewer, or raise the limit.'),
  LIMIT_KV: entry('policy', 4, 413, 'The key-value store of the principal would hold more bytes or keys than kv allows, or a value is too large.', 'Delete keys, keep less, or raise the limit.'),
  LIMIT_OUTPUT: entry('policy', 4, 413, "The tool's value is larger than max_output_kb.", 'Return less, or raise the limit.'),
  LIMIT_HANDLES: entry('policy', 4, 429, 'The run made more handles with only() than it may, or derived one from another too often.', 'Make fewer handles, and use them again.'),
  LIMIT_TIMERS: entry('policy', 4, 429, 'The run set more timers than it may.', 'Set fewer timers.'),
  LIMIT_QUEUE: entry('operator', 4, 429, 'Too many runs wait for a place, or the run needs more memory than all runs have.', 'Try later, or raise concurrentRunsMax or memoryMbMax.', true),
  LIMIT_TASK_BUSY: entry('policy', 4, 409, 'Another process runs this task; its limits can only be kept by one at a time.', 'Wait until that run ends, or use another task.', true),

  APPROVAL_DENIED: entry('approver', 5, 403, 'A human refused the call.', 'Ask for something else.'),
  APPROVAL_EXPIRED: entry('approver', 5, 403, 'Nobody decided before the approval ticket expired.', 'Ask again.', true),
  APPROVAL_UNAVAILABLE: entry('approver', 5, 403, 'The call needs approval, and nobody is there to give it.', 'Pass an approve callback, or run the CLI in a terminal.'),
  APPROVAL_MISMATCH: entry('approver', 5, 409, 'What would be executed is not what was approved, or the approval was used already.', 'Ask again for what is to be done now.'),

  GUEST_OVER: entry('tool', 1, 422, 'A capability was used after the run that it was granted to.', 'Use what the present run was handed; keep no capability in a global.'),
  GUEST_THREW: entry('tool', 1, 422, 'The tool threw an error, or its promise was rejected.', 'See the message and the stack of the tool.'),
  GUEST_SYNTAX: entry('tool', 1, 422, 'The tool does not parse.', 'Mend the syntax at the line that the message names.'),
  GUEST_IMPORT: entry('tool', 1, 422, 'The tool imports what cannot be had: a module of Node, a package that is not installed, a file out of its reach.', 'See the hint: it names the capability or the file to use instead.'),
  GUEST_NO_DEFAULT_EXPORT: entry('tool', 1, 422, 'The tool has no default export, or it is not a function.', 'export default (input, capabilities) => …'),
  GUEST_UNPASSABLE: entry('tool', 1, 422, 'A value cannot cross: it is not plain JSON data, or it is too large or too deep.', 'Pass strings, finite numbers, booleans, null, arrays and plain objects.'),
  GUEST_ARGUMENTS: entry('tool', 1, 422, 'The arguments of a call do not fit its schema.', 'See the message for the argument and what it should be.'),
  GUEST_SQL: entry('tool', 1, 422, 'The SQL statement cannot be run as it is written.', 'See the message for what the engine says of it.'),
  GUEST_CHILD_FAILED: entry('tool', 1, 422, 'A child isolate ended with an error.', 'See the message for the code and the message of the child.'),
  GUEST_CRASHED: entry('tool', 1, 422, 'The tool ended its own process.', 'Mend the tool: it made V8 abort.'),
  GUEST_BREACH: entry('tool', 1, 422, 'The cage sent what no cage sends; it was killed.', 'Treat the tool as hostile.'),

  UPSTREAM_DNS: entry('upstream', 6, 502, 'The host name could not be resolved.', 'Check the name; try later.', true),
  UPSTREAM_UNREACHABLE: entry('upstream', 6, 502, 'The connection was refused, reset or could not be secured.', 'Try later.', true),
  UPSTREAM_TIMEOUT: entry('upstream', 6, 504, 'The other side took longer than timeout_seconds.', 'Try later, or raise the timeout.', true),
  UPSTREAM_PROTOCOL: entry('upstream', 6, 502, 'The answer breaks its protocol or its encoding.', 'See who answers there.'),
  UPSTREAM_TOKEN: entry('upstream', 6, 502, 'The token endpoint of a secret gave no access token.', 'See the cause in the record; try later.', true),
  UPSTREAM_DB_UNAVAILABLE: entry('upstream', 6, 502, 'The database is gone, damaged or changed, or its process ended.', 'See who keeps the database; try again.', true),
  UPSTREAM_DB_BUSY: entry('upstream', 6, 503, 'The database is locked by somebody who writes.', 'Try again.', true),
  UPSTREAM_DB_ROLLED_BACK: entry('upstream', 6, 502, 'What the run wrote to a database was rolled back before it was committed; nothing of it is kept.', 'See the cause; run again.', true),
  UPSTREAM_TOOL_FAILED: entry('upstream', 6, 502, 'The host tool threw an error.', 'See the log of the host.'),
  UPSTREAM_TOOL_RESULT: entry('upstream', 6, 502, 'The result of the host tool breaks its own output schema.', 'Mend the host tool.'),

  UPSTREAM_FILE_MISSING: entry('upstream', 6, 404, 'There is no such file or folder.', 'Look with fs.list.'),
  UPSTREAM_FILE_EXISTS: entry('upstream', 6, 409, 'The name is taken, or the folder is not empty.', 'Choose another name, or remove what is there.'),
  UPSTREAM_FILE: entry('upstream', 6, 502, 'The file system of the host failed: it is full, cannot be written or broke.', 'See the cause; free space or mend permissions.'),
  UPSTREAM_FILE_CHANGED: entry('upstream', 6, 409, 'Somebody else changed a file or folder that a commit was to change.', 'Run the tool again on what is there now.'),

  REPLAY_DIVERGENCE: entry('tool', 7, 409, 'On replay the guest asked for something else than it did.', 'The code, the input or the kernel changed; start a new run.'),
  IDEMPOTENCY_CONFLICT: entry('tool', 7, 409, 'The idempotency key was used before with other arguments.', 'Use one key for one thing.'),
  IDEMPOTENCY_UNCERTAIN: entry('upstream', 7, 409, 'An earlier attempt under this key may have happened; nobody knows.', 'Look at the other side, then use a new key.'),

  INTERNAL_ERROR: entry('tollgate', 70, 500, 'A defect in Tollgate.', 'Report it.'),
  INTERNAL_CAGE_LOST: entry('tollgate', 70, 500, 'The cage ended without a cause of its own.', 'Run again.', true),
  INTERNAL_CAGE_START: entry('tollgate', 70, 500, 'No cage could be started.', 'See the message; `npm run build` makes the entry of the cage.'),
  INTERNAL_CHILD_START: entry('tollgate', 70, 500, 'A process that a capability or the bundler needs could not be started, or ended without an answer.', 'See the message; `npm run build` makes its entry.'),
  INTERNAL_STORE: entry('tollgate', 70, 500, 'The journal could not be written, so the call did not happen.', 'Check the disk under the state folder.', true),
} satisfies Record<string, CodeEntry>)

export type Code = keyof typeof CODES

/** Whether a text is one of the codes; for texts that came from outside. */
export const isCode = (text: string): text is Code => Object.hasOwn(CODES, text)

/** These end the run even when the guest catches the error. */
export const FATAL_CODES: ReadonlySet<Code> = new Set<Code>([
  'LIMIT_TOOL_CALLS',
  'LIMIT_COST',
  'LIMIT_CPU',
  'LIMIT_MEMORY',
  'LIMIT_DURATION',
  'REPLAY_DIVERGENCE',
])
