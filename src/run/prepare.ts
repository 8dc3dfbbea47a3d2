import { open, readlink } from 'node:fs/promises'
import { extname, isAbsolute } from 'node:path'
import { buffer } from 'node:stream/consumers'
import * as z from 'zod'
import { INPUT_BYTES_MAX, JSON_DEPTH_MAX, PROGRAM_BYTES_MAX } from '../../runtime/abi/crossing.ts'
import { REUSES, type Reuse } from '../../runtime/abi/frames.ts'
import type { ApproveCallback } from '../approval/ticket.ts'
import { assertJson, canonicalJson, isShallow } from '../canonical/canonical-json.ts'
import type { ResolvedSecret } from '../capabilities/capability.ts'
import { sha256 } from '../digest/sha256.ts'
import { bestTier } from '../cage/probe.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import type { RunOptions, SecretProvider } from './options.ts'
import { readyProgram } from './bundled-program.ts'
import type { Bundler } from './bundler-process.ts'
import type { Program, ToolSource } from './program.ts'
import type { RunEvent } from './result.ts'
import { resolveSecrets } from './secrets.ts'
import type { TokenHolders } from './token-holders.ts'

/** A run whose options were judged: everything that can be wrong on the embedder's side is not. */
export type PreparedRun = {
  readonly principal: string
  /** As the embedder named it; without a name the run is its own task. */
  readonly task: string | undefined
  readonly policy: CompiledPolicy
  readonly program: Program
  readonly inputJson: string
  readonly idempotencyKey: string | undefined
  readonly priority: number
  readonly reuse: Reuse | undefined
  /** SHA-256 over tool, policy and input: what an idempotency key stands for. */
  readonly requestDigest: string
  readonly secrets: ReadonlyMap<string, ResolvedSecret>
  readonly approve: ApproveCallback | undefined
  readonly signal: AbortSignal | undefined
  readonly onEvent: ((event: RunEvent) => void) | undefined
}

const NAME_SIZE_MAX = 256
const name = z
  .string()
  .min(1)
  .max(NAME_SIZE_MAX)
  .regex(/^[^\p{Cc}]*$/u, 'must have no control characters')
  // A store writes UTF-8, where all lone surrogates are one: two names would be the same.
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
const callback = z.custom<(...args: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
)

const optionsSchema = z
  .strictObject({
    code: z.string().optional(),
    file: z.string().min(1).optional(),
    policy: z.custom<NonNullable<unknown>>(
      (value) => (typeof value === 'object' && value !== null) || typeof value === 'string',
      'must be a document, a file or a compiled policy',
    ),
    input: z.unknown().optional(),
    principal: name.optional(),
    task: name.optional(),
    idempotencyKey: name.optional(),
    priority: z.int().min(-100).max(100).optional(),
    reuse: z.enum(REUSES).optional(),
    signal: z.instanceof(AbortSignal).optional(),
    onEvent: callback.optional(),
    approve: callback.optional(),
  })
  .refine(
    ({ code, file }) => (code === undefined) !== (file === undefined),
    'give exactly one of code and file',
  )

/** Throws CONFIG_USAGE that says what is wrong with options; `what` names whose they are. */
export function mustParse(schema: z.ZodType, value: unknown, what: string): void {
  const parsed = schema.safeParse(value)
  if (parsed.success) return
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new TollgateError('CONFIG_USAGE', `${what}: ${problems.join('; ')}`)
}

async function readTool({ code, file }: RunOptions): Promise<ToolSource> {
  if (file === undefined) return { source: code ?? '', isScript: false }
  try {
    const isScript = ['.js', '.mjs'].includes(extname(file))
    await using opened = await open(file)
    // One byte more than a tool may have is enough to refuse it, and a device has no end.
    const bytes = await buffer(opened.createReadStream({ end: PROGRAM_BYTES_MAX, autoClose: false }))
    // Where the text itself stands, since what lies beside it is the tool's: by now a link may lead elsewhere. A pipe stands nowhere.
    const place = await readlink(`/proc/self/fd/${opened.fd}`)
    return { source: bytes.toString('utf8'), isScript, file: isAbsolute(place) ? place : undefined }
  } catch (cause) {
    throw new TollgateError(
      'CONFIG_FILE_UNREADABLE',
      `The tool ${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}).`,
      { cause },
    )
  }
}

/** The input as the guest gets it. Throws CONFIG_INPUT_INVALID. */
export function writeInput(input: unknown = null): string {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new TollgateError('CONFIG_INPUT_INVALID', `The input ${problem}.`, { cause })
  }
  if (!isShallow(input, JSON_DEPTH_MAX)) return refuse(`is nested deeper than ${JSON_DEPTH_MAX} levels`)
  try {
    assertJson(input)
    const json = JSON.stringify(input)
    if (Buffer.byteLength(json) <= INPUT_BYTES_MAX) return json
  } catch (cause) {
    return refuse(`is not JSON data: ${(cause as Error).message}`, cause)
  }
  return refuse(`is larger than ${INPUT_BYTES_MAX} bytes`)
}

/** What a Tollgate brings to every run. */
export type PrepareSetting = {
  compile(policy: RunOptions['policy']): Promise<CompiledPolicy>
  readonly capabilityNames: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly provideSecret?: SecretProvider | undefined
  readonly holders: TokenHolders
  readonly approve: ApproveCallback | undefined
  readonly bundler: Bundler
}

/**
 * Judges the options of a run and gathers what it needs. Throws CONFIG_* errors: everything that the embedder can mend; what
 * the tool itself does wrong, a syntax error for one, is kept for the result. `force` cancels the run as its own signal does.
 */
export async function prepareRun(
  options: RunOptions,
  setting: PrepareSetting,
  force: AbortSignal,
): Promise<PreparedRun> {
  mustParse(optionsSchema, options, 'run()')
  const {
    principal = 'local',
    task,
    idempotencyKey,
    priority = 0,
    reuse,
    signal: given,
    onEvent,
    approve = setting.approve,
  } = options
  const signal = given === undefined ? force : AbortSignal.any([given, force])
  const policy = await setting.compile(options.policy)
  bestTier(policy.security.minTier)
  const { capabilityNames: capabilities, bundler } = setting
  const program = await readyProgram(await readTool(options), { capabilities, bundler, signal })
  const inputJson = writeInput(options.input)
  // Only a key must know that two inputs mean the same; without one the text itself will do.
  const inputDigest = sha256(idempotencyKey === undefined ? inputJson : canonicalJson(options.input ?? null))
  return {
    principal,
    task,
    policy,
    program,
    inputJson,
    idempotencyKey,
    priority,
    reuse,
    signal,
    onEvent,
    approve,
    requestDigest: sha256(canonicalJson({ tool: program.digest, policy: policy.digest, input: inputDigest })),
    secrets: await resolveSecrets(policy, setting, { principal, task, signal }),
  }
}
