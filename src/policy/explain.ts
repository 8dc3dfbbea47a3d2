import { deepFreeze } from '../canonical/canonical-json.ts'
import { CATEGORIES, type Prices } from '../capabilities/capability.ts'
import type {
  ApprovalRules,
  CompiledPolicy,
  Limits,
  PolicyWarning,
  SecretDeclaration,
  SecurityDemands,
} from './compiled.ts'
import { counted, inBytes, inDollars, inTime } from './words.ts'
import { worstCaseOf, type PolicyWorstCase, type WorstCaseScope } from './worst-case.ts'

/** Sentences under one heading. */
export type ExplanationSection = { readonly title: string; readonly sentences: readonly string[] }

/** A credential as it may be shown: where it comes from and goes to, never its value. */
export type ExplainedCredential = {
  readonly name: string
  /** `env:NAME`, `file:PATH` or `provider:NAME`. */
  readonly from: string
  /** Empty: no request carries it. */
  readonly sentAs: string
  /** Undefined: the domains of the entries that name it. */
  readonly hosts: readonly string[] | undefined
}

/** A policy in plain words (`sections`), and the same as data. Frozen JSON data. */
export type PolicyExplanation = {
  readonly digest: string
  readonly name: string | undefined
  readonly model: string | undefined
  readonly sections: readonly ExplanationSection[]
  /** The sentences of each grant, by capability. */
  readonly grants: Readonly<Record<string, readonly string[]>>
  /** Capabilities that exist and are not granted. */
  readonly notGranted: readonly string[]
  readonly limits: Limits
  readonly humanInLoop: readonly string[]
  readonly approval: ApprovalRules
  readonly credentials: readonly ExplainedCredential[]
  readonly security: SecurityDemands
  readonly prices: Prices
  readonly costAlerts: readonly number[]
  readonly worstCase: PolicyWorstCase
  readonly warnings: readonly PolicyWarning[]
}

/** What a tool goes without, by the capability that it was not granted. Has an entry for every key under `permissions`. */
const WITHOUT: Readonly<Record<string, string>> = {
  http: 'No HTTP: it reaches no host.',
  tools: 'No host tools: it sends no mail and asks nothing else of the host.',
  filesystem: 'No files: it neither reads nor writes any.',
  db: 'No database: it neither reads nor writes one.',
  code_exec: 'No code execution: it starts no program and no code beside its own.',
  kv: 'No key-value store: it keeps nothing from one run to the next.',
  mcp: 'No MCP servers.',
}

/** Explains a compiled policy: what it grants, what it withholds, who approves, what it costs, and the worst case. Pure. */
export function explainPolicy(policy: CompiledPolicy): PolicyExplanation {
  const { digest, name, model, limits, humanInLoop, approval, prices, costAlerts, warnings } = policy
  const grants = Object.fromEntries([...policy.grants].map(([key, grant]) => [key, grant.explain()]))
  const notGranted = Object.keys(WITHOUT).filter((key) => !policy.grants.has(key))
  const credentials = [...policy.secrets.values()].map(explainCredential)
  const worstCase = worstCaseOf(policy)
  const sections = [
    {
      title: 'What the tool may do',
      sentences: orNothing(Object.values(grants).flat(), 'Nothing but compute: no capability is granted.'),
    },
    { title: 'What it may not do', sentences: withheld(notGranted) },
    { title: 'Limits, each for a run and for its whole task', sentences: limitSentences(limits) },
    { title: 'What a human approves', sentences: approvalSentences(policy) },
    { title: 'Credentials', sentences: orNothing(credentials.map(credentialSentence), 'None.') },
    { title: 'How it is confined', sentences: cageSentences(policy) },
    { title: 'Prices and alerts', sentences: priceSentences(policy) },
    { title: 'The worst case', sentences: worstCaseSentences(policy, worstCase) },
  ]
  return deepFreeze<PolicyExplanation>({
    digest,
    name,
    model,
    sections,
    grants,
    notGranted,
    limits,
    humanInLoop,
    approval,
    credentials,
    security: policy.security,
    prices,
    costAlerts,
    worstCase,
    warnings,
  })
}

const orNothing = (sentences: readonly string[], nothing: string): readonly string[] =>
  sentences.length === 0 ? [nothing] : sentences

const withheld = (notGranted: readonly string[]): string[] => [
  ...notGranted.map((key) => WITHOUT[key] ?? ''),
  'No environment variables, no sockets, no modules of Node.js: what is not granted is not there.',
]

function cageSentences({ security: { minTier, isStrict } }: CompiledPolicy): string[] {
  const tier =
    minTier === undefined
      ? 'In the strongest tier that the machine has.'
      : `In tier ${minTier} or a stronger one; where it cannot be had, nothing runs.`
  return isStrict ? [tier, 'Strict profile: no machine code is made from its code.'] : [tier]
}

function limitSentences(limits: Limits): string[] {
  const { maxToolCalls, maxConcurrentCalls, maxDurationMs, maxCpuMs } = limits
  return [
    `At most ${counted(maxToolCalls, 'call')}, refused ones included; ${maxConcurrentCalls} at once.`,
    `At most ${inTime(maxDurationMs)} by the clock, waiting for a human not counted, and ${inTime(maxCpuMs)} of CPU time.`,
    `At most ${inDollars(limits.maxCostMicroUsd)}.`,
    `At most ${limits.maxMemoryMb} MB of memory, ${inBytes(limits.maxLogBytes)} of logs, ${inBytes(limits.maxOutputBytes)} of output.`,
  ]
}

function approvalSentences({ humanInLoop, approval, warnings }: CompiledPolicy): string[] {
  const odd = new Set(warnings.map(({ path }) => path))
  const named = humanInLoop.map((entry, index) => {
    const idle = odd.has(`human_in_loop[${index}]`) ? ' It names nothing that is granted.' : ''
    return `What human_in_loop names as ${JSON.stringify(entry)}.${idle}`
  })
  const requester = approval.requesterMayApprove ? 'may approve it too' : 'may not approve it'
  return [
    ...named,
    `Irreversible effects, and what is a ${CATEGORIES.join(', ')}, unless its grant says otherwise above.`,
    `A question can be answered for ${inTime(approval.ttlMs)}; whoever the run acts for ${requester}.`,
  ]
}

const sentAs = ({ signer }: SecretDeclaration): string => {
  switch (signer.kind) {
    case 'bearer':
      return 'Authorization: Bearer'
    case 'basic':
      return `HTTP Basic password of ${signer.username}`
    case 'header':
      return `header ${signer.name}`
    case 'aws_v4':
      return `AWS signature by the key ${signer.accessKeyId} for ${signer.awsApi} in ${signer.region}`
    case 'oauth_refresh':
      return `Authorization: Bearer, an access token from ${new URL(signer.tokenUrl).host} for the client ${signer.clientId}`
    case 'none':
      return ''
  }
}

const placeOf = (source: SecretDeclaration['source']): string => {
  switch (source.kind) {
    case 'env':
      return `env:${source.variable}`
    case 'file':
      return `file:${source.path}`
    case 'provider':
      return `provider:${source.key}`
  }
}

const explainCredential = (secret: SecretDeclaration): ExplainedCredential => {
  const { name, source, hosts } = secret
  const from = placeOf(source)
  return { name, from, sentAs: sentAs(secret), hosts }
}

const credentialSentence = ({ name, from, sentAs: form, hosts }: ExplainedCredential): string => {
  if (form === '')
    return `${name}, read from ${from}, goes into no request; only a grant above that names it is handed it. The tool never holds it.`
  const allowed = hosts?.length === 0 ? 'nowhere' : `only to ${hosts?.join(', ')}`
  const where = hosts === undefined ? 'only where an entry above names it' : allowed
  return `${name}, read from ${from}, goes out as ${form}, ${where}. The tool never holds it.`
}

function priceSentences({ prices, costAlerts, limits }: CompiledPolicy): string[] {
  const { cpuSecondMicroUsd, httpCallMicroUsd, egressMbMicroUsd } = prices
  const priced = [
    [cpuSecondMicroUsd, 'a second of CPU time'],
    [httpCallMicroUsd, 'an HTTP call whose entry names no price'],
    [egressMbMicroUsd, 'a megabyte sent'],
  ] as const
  const told = priced.filter(([price]) => price > 0).map(([price, what]) => `${inDollars(price)} for ${what}`)
  const alerts = costAlerts.map((fraction) => inDollars(Math.ceil(fraction * limits.maxCostMicroUsd)))
  return [
    told.length === 0 ? 'Nothing has a price but what a grant above names.' : `Charged: ${told.join(', ')}.`,
    alerts.length === 0
      ? 'No alert before the limit.'
      : `An alert is raised once a task at ${alerts.join(' and at ')}.`,
  ]
}

function worstCaseSentences(
  { humanInLoop, grants }: CompiledPolicy,
  { run, task }: PolicyWorstCase,
): string[] {
  const fewer =
    humanInLoop.length > 0 && run.unattendedEffectsMax > 0 ? ' (fewer where human_in_loop asks)' : ''
  const declared = grants.has('tools') ? ', as long as no host tool costs more than it declares' : ''
  const calls = `at most ${run.performedCallsMax} are performed`
  const effects = `at most ${run.unattendedEffectsMax}${fewer} have an effect that no human sees first`
  return [
    `A run makes at most ${counted(run.toolCallsMax, 'call')}, of which ${calls} and ${effects}.`,
    `A run costs at most ${inDollars(run.costMicroUsdMax)}${declared}.`,
    `A run sends ${egressWords(run)}.`,
    `A task makes no more calls and costs no more than a run, however many runs it has; it sends ${egressWords(task)}.`,
    'A day has no bound: it holds as many runs as are started, and budgets over runs are not built.',
  ]
}

const egressWords = ({ egressBytesMax }: WorstCaseScope): string => {
  const amounts = Map.groupBy(Object.entries(egressBytesMax), ([, bytes]) => bytes)
  const told = [...amounts].map(([bytes, destinations]) => {
    const each = destinations.length > 1 ? ' each' : ''
    return `${inBytes(bytes)}${each} to ${destinations.map(([destination]) => destination).join(', ')}`
  })
  return told.length === 0 ? 'nothing' : `at most ${told.join('; ')}`
}
