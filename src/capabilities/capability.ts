import type { z } from 'zod'
import type { Code } from '../../runtime/abi/codes.ts'
import type { Effect } from '../../runtime/abi/ops.ts'

/**
 * What a capability is to the rest of Tollgate. One folder implements it: ops.ts (names, argument schemas), grant.ts (the
 * schema of its policy entry and the pure judgement), driver.ts (the I/O). One line in registry.ts makes it known.
 */
export interface Capability {
  /** The key under `permissions`; also the prefix of its ops and the property that the guest holds, unless `guestName` is given. */
  readonly name: string
  readonly guestName?: string
  /**
   * Strict schema of the policy entry, defaults included. `null` and absent never reach it, and `false`
   * is not compiled, where it accepts that: they grant nothing.
   */
  readonly schema: z.ZodType
  /** Turns a parsed entry into frozen matchers. Pure. Throws CONFIG_* for what no schema can say. */
  compile(document: unknown, environment: GrantEnvironment): Grant
  /** Opens the I/O side for one run. Called at the first call that needs it. */
  openDriver(grant: Grant, setting: DriverSetting): Driver
  /** What an operator can have done and looked at outside of runs; absent where a grant needs nothing of the world. */
  readonly upkeep?: Upkeep
  /** Finishes what a host that ended left half done; called when a Tollgate is opened. Returns what the operator should know. */
  recover?(powers: unknown): Promise<readonly string[]>
}

/** Makes the world ready for a grant, and tells where it is not. */
export interface Upkeep {
  /** What has to be done, by parts of the entry (all of them, or the one that is named). Throws CONFIG_*. Absent: nothing ever. */
  plan?(grant: Grant, part: string | undefined): Promise<readonly UpkeepPlan[]>
  /** Does it, as whoever the url logs in: all or nothing. Throws CONFIG_* and UPSTREAM_*. */
  apply?(plan: UpkeepPlan, url: string, powers: unknown): Promise<void>
  /** Connects as a run would, and looks. Throws nothing: what goes wrong is a finding. */
  inspect(grant: Grant, setting: Pick<DriverSetting, 'powers' | 'secrets'>): Promise<readonly UpkeepFinding[]>
}

/** Statements that make one part of an entry fit. */
export type UpkeepPlan = {
  readonly part: string
  readonly rule: string
  readonly statements: readonly string[]
}

/** Something that a look at the world found. `isTolerated`: runs go on with it. */
export type UpkeepFinding = {
  readonly code: Code
  readonly path: string
  readonly message: string
  readonly isTolerated: boolean
}

/** What a grant may know of the rest of the policy when it is compiled. */
export type GrantEnvironment = {
  /** Names under `secrets`, with the hosts that each may go to (undefined: any host that the grant allows). */
  readonly secretHosts: ReadonlyMap<string, readonly string[] | undefined>
  /** Names of secrets that say nothing of how they are sent, so that no request can carry them. */
  readonly unsignedSecrets?: ReadonlySet<string>
  /** Where relative paths of the policy stand; undefined: in the working folder of the host. */
  readonly baseDirectory?: string | undefined
  /** `permissions.db_write`: whether databases may be written at all. */
  readonly dbWrite?: boolean
  /** `prices`, in micro-dollars. */
  readonly prices: Prices
  /** Reports what is odd but not wrong; shown by check and recorded. */
  warn(path: string, message: string): void
}

export type Prices = {
  readonly cpuSecondMicroUsd: number
  readonly httpCallMicroUsd: number
  readonly egressMbMicroUsd: number
}

/** An op that this grant yields, with what the broker needs to decode a call of it. */
export type GrantedOp = {
  readonly name: string
  /** Where the guest finds the stub: `['http', 'request']`. */
  readonly path: readonly string[]
  readonly arguments: z.ZodType
}

/** A compiled policy entry: immutable, pure. */
export interface Grant {
  readonly capability: string
  readonly ops: readonly GrantedOp[]
  /** Ops that the host alone calls, when a run has succeeded: the commits of what it staged. No guest can name them. */
  readonly hostOps?: readonly GrantedOp[]
  /**
   * Judges one call. Synchronous and pure: the same arguments give the same judgement.
   * Throws a TollgateError DENIED_* (with rule, hint and change) for what the grant does not allow.
   */
  judge(op: string, args: unknown): Judgement
  /** How the guest may make its objects of this capability weaker; absent: it cannot. */
  readonly attenuation?: GrantAttenuation
  /** Compiles an entry of human_in_loop that speaks of this capability; undefined when it does not. */
  actionPattern(text: string): ((judgement: Judgement) => boolean) | undefined
  /** The grant in plain words, one sentence each. */
  explain(): readonly string[]
  /** Bounds for `explain`: what a run could do at most through this grant, given as many calls as it likes. */
  worstCase(): WorstCase
  /**
   * The grant in TypeScript, for who writes tools: exactly what a call could use, and no place, secret or rule of the host.
   * Undefined: no call could pass. `asks` tells what the whole policy asks about a judgement.
   */
  declare?(asks: (judgement: Judgement) => Ask): Declaration | undefined
}

/** What the guest holds of a grant, in TypeScript. `src/policy/declare.ts` puts the declarations of all grants together. */
export type Declaration = {
  /** The property of the guest's capabilities: `http`. */
  readonly name: string
  /** What is said of the whole. */
  readonly says: readonly string[]
  readonly members: readonly DeclaredMember[]
  /** Declarations that the members name, each under a name that begins like the capability's. */
  readonly types?: readonly string[]
  /** Globals of the guest that lead here, like `fetch`. */
  readonly globals?: readonly DeclaredMember[]
}

/**
 * One member. `says` is plain text, which is escaped where it becomes a comment. `code` is TypeScript: text of a policy stands in
 * it only as a literal, and what cannot be seen in a literal is escaped later.
 */
export type DeclaredMember = { readonly code: string; readonly says?: readonly string[] }

/** The caveats of `only()`. What is common to all capabilities (`mode`, `calls`) is not repeated here; see caveats.ts. */
export type GrantAttenuation = {
  /** Schemas of the caveats by name. A caveat that is not here is refused. */
  readonly caveats: Readonly<Record<string, z.ZodType>>
  /**
   * Compiles parsed caveats of one object of the guest: `db.shop`. Pure. Throws GUEST_ARGUMENTS for what no schema can say.
   */
  readonly attenuate: (at: string, caveats: unknown) => Narrowing
}

/**
 * What caveats leave of a judgement: itself, or one whose request does less. Throws DENIED_CAVEAT. Pure; it never allows what was
 * refused, and never adds to a request.
 */
export type Narrowing = (judgement: Judgement) => Judgement

export const CATEGORIES = ['message', 'payment', 'delete', 'credential', 'publish', 'admin'] as const
export type Category = (typeof CATEGORIES)[number]
export type Ask = 'always' | 'never' | 'once_per_run'
export type IdempotencyClass = 'idempotent' | 'keyed' | 'at_most_once'

/** What authorize found out about a call; everything that later steps act on. */
export type Judgement = {
  readonly op: string
  /** The part of the policy that allowed it. */
  readonly rule: string
  readonly effect: Effect
  readonly categories: readonly Category[]
  /** What the grant says about asking; absent = the default by effect and category. */
  readonly ask?: Ask
  /** One line that names what will be done, canonical and free of control characters: `POST https://api.company.com/v1/orders`. */
  readonly subject: string
  /** What would be executed. Frozen; it is this object that is approved (by digest) and performed. JSON data. */
  readonly request: unknown
  /** Worst case of the price of this call. */
  readonly costMicroUsd: number
  /** Other budgets that this call draws on. */
  readonly quotas: readonly Quota[]
  readonly idempotency: IdempotencyClass
  /** For how long a receipt of a keyed op proves anything, in milliseconds. */
  readonly keyTtlMs?: number
  /** The effect waits for the commit of its store: nothing has happened to the world until then. */
  readonly isStaged?: true
  /** A commit of what was asked for effect by effect: `NAME.write` in human_in_loop speaks of those, and not of it. */
  readonly isCommitOfAsked?: true
}

/** A draw on a named meter. Held before the work, settled after it. */
export type Quota = {
  /** Unique within the run: `http.egress:api.company.com`. */
  readonly meter: string
  readonly amount: number
  readonly max: number
  /** Set for a rate: the sum within this window; without it, the sum over the scope. */
  readonly windowMs?: number
  /** `task` (the default): every run of the task draws on it. */
  readonly scope?: 'run' | 'task'
  readonly code: Code
  readonly rule: string
}

export type WorstCase = {
  /** Most calls, where the grant itself bounds them. */
  readonly callsMax?: number
  /** Most bytes out, by destination. */
  readonly egressBytesMax: Readonly<Record<string, number>>
  /** Highest price of one call. */
  readonly callMicroUsdMax: number
  /** Most calls with an effect that need nobody's approval; undefined = as many as max_tool_calls. */
  readonly unattendedEffectsMax?: number
}

/** The port of a child process: bytes each way, and an end. Assign the handlers before the next turn of the event loop. */
export interface ChildPort {
  write(bytes: Uint8Array): void
  /** SIGKILL. Safe to repeat. */
  kill(): void
  onData: (bytes: Buffer) => void
  /** The process is gone, or its port. May be called more than once. */
  onEnd: () => void
}

/** Starts processes that do what cannot be stopped within the host's own. Their entries are `child/main.ts` of a capability. */
export interface ChildPower {
  /** Throws INTERNAL_CHILD_START. */
  start(capability: string): ChildPort
  /** A file of the policy as an absolute path. */
  resolvePath(folder: string | undefined, file: string): string
}

/** What a driver is opened with. Powers are the Node objects that do I/O; only src/run puts them together. */
export type DriverSetting = {
  readonly powers: unknown
  readonly principal: string
  readonly runId: string
  /** Resolved secrets by name. */
  readonly secrets: ReadonlyMap<string, ResolvedSecret>
}

export type SecretSigner =
  | { readonly kind: 'bearer' }
  | { readonly kind: 'basic'; readonly username: string }
  | { readonly kind: 'header'; readonly name: string }
  | {
      readonly kind: 'aws_v4'
      readonly accessKeyId: string
      readonly region: string
      readonly awsApi: string
    }
  | {
      readonly kind: 'oauth_refresh'
      readonly tokenUrl: string
      readonly clientId: string
      /** The name of another secret. */
      readonly clientSecret: string | undefined
      readonly scope: string | undefined
    }
  /** For what is no header: an argument of a host tool. */
  | { readonly kind: 'none' }

export type ResolvedSecret = {
  readonly name: string
  readonly value: string
  readonly signer: SecretSigner
  /** Host patterns that it may leave to; undefined: wherever the grant sends it. */
  readonly hosts: readonly string[] | undefined
  /** What it has become, where it is a refresh token. */
  readonly tokens?: TokenHolder
}

/** What a token endpoint gave for a refresh token. */
export type RenewedTokens = {
  readonly accessToken: string
  /** The refresh token of next time, where it is another. */
  readonly refreshToken?: string
  readonly lifetimeMs: number
}

/** An access token; `isNew`: it was got while the caller waited. */
export type HeldToken = { readonly token: string; readonly isNew: boolean }

/** The tokens that a refresh token has become in this process; the runs that hold the same one share them. */
export interface TokenHolder {
  /**
   * An access token that has not expired and is not `rejected`. Where there is none, it is renewed, and everybody who asks in the
   * meantime waits for the same one. Throws what `renew` throws.
   */
  get(
    rejected: string | undefined,
    renew: (refreshToken: string) => Promise<RenewedTokens>,
  ): Promise<HeldToken>
  /** Every token that it has become, for redaction; another list whenever there is another token. */
  readonly known: readonly string[]
}

/** The I/O of one capability within one run. */
export interface Driver {
  /** Performs what was judged. Throws DENIED_*, LIMIT_* and UPSTREAM_* errors; checks policy again on the final facts. */
  perform(judgement: Judgement, terms: PerformTerms): Promise<Outcome>
  /**
   * The commits of what the run staged, one for each store, in the order in which they are to happen. Asked once, when the tool has
   * succeeded and nothing is in flight; each then goes through the broker like a call of the guest, and is performed or refused.
   */
  staged?(): readonly Commit[]
  /** Releases everything, and discards what is staged and was not committed; called once, at the end of the run. */
  close(): Promise<void>
}

/**
 * A call of one of the grant's `hostOps`. The arguments are JSON data that name exactly what is committed, by content or digest.
 * `comesLast`: an engine has taken all of it already, so that little can still go wrong; it waits for those that may be refused.
 */
export type Commit = { readonly op: string; readonly args: unknown; readonly comesLast?: boolean }

export type PerformTerms = {
  /** Fires at the deadline of the run, or when it is cancelled. */
  readonly signal: AbortSignal
  readonly runId: string
  /** The place of the call among those of the run. */
  readonly seq: number
  readonly taskId: string
  readonly principal: string
  /** The guest's key, or one derived from run, call, op and arguments. */
  readonly idempotencyKey: string
  /** Draws further on a quota while the work goes on (a redirect hop sends bytes too). Throws its LIMIT_* code. */
  draw(quota: Quota): void
  /** Whether the policy would ask a human about what the work leads to (a redirect hop); then it must not go on there. */
  asks(judgement: Judgement): boolean
  /** Refuses what the handle of the call does not allow of what the work leads to (a redirect hop). Throws DENIED_CAVEAT and DENIED_REVOKED. */
  assertPermitted(judgement: Judgement): void
}

/** The rest of a large result. The guest asks for one chunk after the other; each is sealed and recorded like a result. */
export interface Chunks {
  /** The next chunk. `isLast`: nothing follows. Throws what `perform` may throw; then nothing follows either. */
  next(): Promise<{ readonly value: unknown; readonly ingressBytes: number; readonly isLast: boolean }>
  /** Releases what is held for it; safe to repeat. */
  close(): void
}

export type Outcome = {
  /** JSON data; sealed (bounded, redacted) by the broker before it reaches the guest. */
  readonly value: unknown
  /** What follows the value, when that is only the first chunk of the result. */
  readonly chunks?: Chunks
  readonly ingressBytes: number
  readonly egressBytes: number
  /** What it really cost; absent = the judgement's worst case. */
  readonly costMicroUsd?: number
  /** For the audit record: resolved address, status, hops. Flat and short. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>
}
