import { deepFreeze } from '../canonical/canonical-json.ts'
import type { Capability, Grant, GrantEnvironment } from '../capabilities/capability.ts'
import { isTollgateError } from '../errors/tollgate-error.ts'
import { canonicalPolicy } from './canonical.ts'
import type { CompiledPolicy, PolicyWarning, SecretDeclaration } from './compiled.ts'
import { frozenMap } from './frozen-map.ts'
import { approvalRule, compileHumanInLoop } from './human-in-loop.ts'
import { addIssues } from './issues.ts'
import { compileLimits, compilePrices } from './limits-schema.ts'
import { parsePath } from './path.ts'
import { copyPlainData } from './plain-data.ts'
import { ProblemList, type PositionFinder } from './problem.ts'
import { mayWriteDb, policySchema, type PolicyDocument } from './schema.ts'
import { compileSecrets } from './secrets-schema.ts'

export type CompileOptions = {
  /** What can be granted; each brings the schema of its own entry. */
  readonly capabilities: readonly Capability[]
  /** SHA-256 of a text in UTF-8, as 64 hex digits. Passed in, for this folder touches no Node module. */
  readonly sha256: (text: string) => string
  /** Where relative files of the policy stand. */
  readonly baseDirectory?: string
  /** Finds lines and columns, when the document came from text. */
  readonly positions?: PositionFinder
}

const compiledPolicies = new WeakSet<object>()

/** Whether a value was made by {@link compilePolicy} of this copy of the package; nothing else passes. */
export const isCompiledPolicy = (value: unknown): value is CompiledPolicy =>
  typeof value === 'object' && value !== null && compiledPolicies.has(value)

/**
 * Compiles a policy document into frozen matchers. Pure: the same document and capabilities give the same policy and digest.
 * Throws one CONFIG_POLICY_INVALID, CONFIG_NOT_BUILT or other CONFIG_* error that lists every problem (see policyProblems).
 */
export function compilePolicy(document: unknown, options: CompileOptions): CompiledPolicy {
  const { capabilities, sha256, baseDirectory, positions } = options
  const problems = new ProblemList(positions)
  const policy = parseDocument(document, capabilities, problems)
  const warnings: PolicyWarning[] = []
  const warn = (path: string, message: string): void => {
    warnings.push({ path, message, ...positions?.(parsePath(path)) })
  }
  const secrets = compileSecrets(policy.secrets, baseDirectory)
  const prices = compilePrices(policy.prices)
  const entries = grantedEntries(policy, capabilities)
  const environment: GrantEnvironment = {
    secretHosts: hostsOf(secrets),
    unsignedSecrets: unsignedOf(secrets),
    baseDirectory,
    dbWrite: mayWriteDb(policy),
    prices,
    warn,
  }
  const grants = compileGrants(entries, capabilities, environment, problems)
  const matchers = compileHumanInLoop(policy.human_in_loop, { grants, problems, warn })
  problems.throwIfAny()

  const canonical = canonicalPolicy(policy, entries)
  const compiled: CompiledPolicy = {
    digest: `sha256:${sha256(canonical)}`,
    name: policy.name,
    model: policy.model,
    canonical,
    baseDirectory,
    grants,
    limits: compileLimits(policy.limits),
    costAlerts: [...new Set(policy.cost_alerts)].sort((a, b) => a - b),
    prices,
    secrets: frozenMap(secrets.map((secret) => [secret.name, secret])),
    approval: {
      ttlMs: Math.floor(policy.approval.ttl_seconds * 1000),
      requesterMayApprove: policy.approval.requester_may_approve,
    },
    humanInLoop: policy.human_in_loop,
    needsApproval: approvalRule(policy.human_in_loop, matchers),
    security: {
      minTier: policy.security?.min_tier ?? undefined,
      isStrict: policy.security?.profile === 'strict',
    },
    warnings,
  }
  compiledPolicies.add(deepFreeze(compiled))
  return compiled
}

/** The document with every default filled in; throws when it breaks its schema. */
function parseDocument(
  document: unknown,
  capabilities: readonly Capability[],
  problems: ProblemList,
): PolicyDocument {
  const data = copyPlainData(document, problems)
  const schema = policySchema(capabilities)
  const parsed = schema.safeParse(data)
  if (!parsed.success)
    addIssues(parsed.error.issues, { schema, document: data, problems, notData: problems.paths() })
  problems.throwIfAny()
  return parsed.data as PolicyDocument
}

const hostsOf = (secrets: readonly SecretDeclaration[]): GrantEnvironment['secretHosts'] =>
  frozenMap(secrets.map(({ name, hosts }) => [name, hosts]))

const unsignedOf = (secrets: readonly SecretDeclaration[]): ReadonlySet<string> =>
  new Set(secrets.filter(({ signer }) => signer.kind === 'none').map(({ name }) => name))

/** The entries under `permissions` that grant something, by capability. */
function grantedEntries(
  policy: PolicyDocument,
  capabilities: readonly Capability[],
): ReadonlyMap<string, unknown> {
  const permissions = (policy.permissions ?? {}) as Readonly<Record<string, unknown>>
  return frozenMap(
    capabilities.flatMap(({ name }) => {
      const entry = Object.hasOwn(permissions, name) ? permissions[name] : undefined
      return entry === null || entry === undefined || entry === false
        ? []
        : [[name, deepFreeze(entry)] as const]
    }),
  )
}

function compileGrants(
  entries: ReadonlyMap<string, unknown>,
  capabilities: readonly Capability[],
  environment: GrantEnvironment,
  problems: ProblemList,
): ReadonlyMap<string, Grant> {
  const grants: [string, Grant][] = []
  for (const capability of capabilities) {
    if (!entries.has(capability.name)) continue
    try {
      grants.push([
        capability.name,
        Object.freeze(capability.compile(entries.get(capability.name), environment)),
      ])
    } catch (error) {
      addGrantProblem(error, capability.name, problems)
    }
  }
  return frozenMap(grants)
}

// What no schema can say is thrown by the capability, with the path as its rule.
function addGrantProblem(error: unknown, capability: string, problems: ProblemList): void {
  if (!isTollgateError(error) || !error.code.startsWith('CONFIG_')) throw error
  const { rule, change } = error.facts
  const path = rule === undefined ? ['permissions', capability] : parsePath(rule)
  problems.add(path, change === undefined ? error.message : `${error.message} (${change})`, {
    code: error.code,
  })
}
