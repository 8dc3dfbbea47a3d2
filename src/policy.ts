/** The public entry `tollgate/policy`: policy documents in, compiled policies, checks and explanations out. */
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import type * as Yaml from 'yaml'
import { createRegistry } from './capabilities/registry.ts'
import type { HostTool } from './capabilities/host-tool.ts'
import { sha256 } from './digest/sha256.ts'
import { TollgateError } from './errors/tollgate-error.ts'
import { assertBounds } from './policy/bounds.ts'
import type { CompiledPolicy, PolicyWarning } from './policy/compiled.ts'
import { compilePolicy, isCompiledPolicy } from './policy/compile.ts'
import { declarePolicy } from './policy/declare.ts'
import { explainPolicy, type ExplanationSection, type PolicyExplanation } from './policy/explain.ts'
import { jsonSchemaOf, type JsonSchema } from './policy/json-schema.ts'
import { parsePolicyText, POLICY_BYTES_MAX } from './policy/parse.ts'
import { missingSecrets } from './run/secrets.ts'
import {
  formatProblem,
  policyError,
  policyProblems,
  type PolicyProblem,
  type PositionFinder,
} from './policy/problem.ts'

export type {
  CompiledPolicy,
  ExplanationSection,
  JsonSchema,
  PolicyExplanation,
  PolicyProblem,
  PolicyWarning,
}
export { assertBounds, declarePolicy, explainPolicy, formatProblem, isCompiledPolicy, policyProblems }

const require = createRequire(import.meta.url)
let loaded: typeof Yaml | undefined
/** Loaded by the first text, for a policy may be an object. */
const yaml = (): typeof Yaml => (loaded ??= require('yaml') as typeof Yaml)

/** What a policy is compiled against. */
export type PolicySetting = {
  /** The host tools that it may grant; without them, grants under `permissions.tools` are not verified, and warn. */
  tools?: readonly HostTool[]
}

/** Where a policy is: a file, its text (relative files stand under `baseDirectory`), or the document itself. */
export type PolicySource = { path: string } | { text: string; baseDirectory?: string } | { document: unknown }

type Origin = { baseDirectory?: string; positions?: PositionFinder }

const compileWith = (document: unknown, { tools }: PolicySetting, origin: Origin): CompiledPolicy =>
  compilePolicy(document, {
    capabilities: createRegistry(tools === undefined ? {} : { tools }),
    sha256,
    ...origin,
  })

/**
 * Compiles a policy document given as an object. What was compiled already is returned as it is. Throws one CONFIG_* error
 * that lists every problem; read them with {@link policyProblems}.
 */
export const definePolicy = (document: object, setting: PolicySetting = {}): CompiledPolicy =>
  isCompiledPolicy(document) ? document : compileWith(document, setting, {})

/** Compiles a policy written in YAML or JSON. Throws CONFIG_POLICY_SYNTAX besides what {@link definePolicy} throws. */
export function parsePolicy(
  text: string,
  setting: PolicySetting & { baseDirectory?: string } = {},
): CompiledPolicy {
  const { document, positions } = parsePolicyText(text, yaml())
  const { baseDirectory } = setting
  return compileWith(document, setting, { positions, ...(baseDirectory !== undefined && { baseDirectory }) })
}

/** Reads and compiles a policy file; relative files in it stand beside it. Throws CONFIG_FILE_UNREADABLE besides what {@link parsePolicy} throws. */
export async function loadPolicyFile(path: string, setting: PolicySetting = {}): Promise<CompiledPolicy> {
  return parsePolicy(await readPolicyText(path), { ...setting, baseDirectory: dirname(resolve(path)) })
}

/** Reads no further than a policy may be large, so that a device or a pipe without end does no harm. */
async function readPolicyText(path: string): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of createReadStream(path, { end: POLICY_BYTES_MAX })) chunks.push(chunk as Buffer)
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw new TollgateError('CONFIG_FILE_UNREADABLE', `The policy file ${path} cannot be read (${reason}).`, {
      gate: 'policy',
      cause,
    })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw policyError([
      {
        code: 'CONFIG_POLICY_SYNTAX',
        path: '',
        message: 'is not UTF-8 text, or larger than a policy may be',
      },
    ])
  }
}

/** The JSON Schema of a policy document, for editors, made from the schemas that documents are parsed with. */
export const policyJsonSchema = (): JsonSchema => jsonSchemaOf(createRegistry({}))

/** What {@link checkPolicy} found. */
export type PolicyCheck = {
  readonly ok: boolean
  /** Present when the policy compiles. */
  readonly digest?: string
  readonly problems: readonly PolicyProblem[]
  readonly warnings: readonly PolicyWarning[]
}

/**
 * Tells what is wrong or odd with a policy; with `env`, also which secrets have no value there or in their file. `strict` counts warnings as problems.
 * Throws only when the file cannot be read.
 */
export async function checkPolicy(
  source: PolicySource,
  setting: PolicySetting & {
    strict?: boolean
    env?: Readonly<Record<string, string | undefined>>
  } = {},
): Promise<PolicyCheck> {
  try {
    const { env } = setting
    const policy = await compileSource(source, setting)
    const missing = env === undefined ? [] : missingSecrets(policy, env)
    const warnings = [...policy.warnings, ...missing]
    const problems = setting.strict === true ? [...policy.warnings.map(asProblem), ...missing] : []
    return { ok: problems.length === 0, digest: policy.digest, problems, warnings }
  } catch (error) {
    const problems = policyProblems(error)
    if (problems.length === 0) throw error
    return { ok: false, problems, warnings: [] }
  }
}

const asProblem = (warning: PolicyWarning): PolicyProblem => ({ code: 'CONFIG_POLICY_INVALID', ...warning })

async function compileSource(source: PolicySource, setting: PolicySetting): Promise<CompiledPolicy> {
  if ('path' in source) return loadPolicyFile(source.path, setting)
  return 'text' in source
    ? parsePolicy(source.text, { ...setting, ...source })
    : compileWith(source.document, setting, {})
}
