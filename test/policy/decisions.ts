/** What a policy says about a battery of requests, so that two policies can be compared. */
import { EFFECTS } from '../../runtime/abi/ops.ts'
import { isTollgateError } from '../../src/errors/tollgate-error.ts'
import type { Judgement, Quota } from '../../src/capabilities/capability.ts'
import type { CompiledPolicy } from '../../src/policy.ts'

export type Request = { readonly op: string; readonly args: unknown }

/** Undefined: denied. */
export type Decision =
  | {
      /** 0 nobody is asked, 1 once a run, 2 always. */
      readonly ask: number
      readonly effect: number
      /** The tightest ceiling of each kind. */
      readonly ceilings: Readonly<Record<string, number>>
    }
  | undefined

const ORIGINS = [
  'https://status.company.com',
  'https://trusted-data-source.com',
  'https://a.trusted-data-source.com',
  'http://127.0.0.1:8080',
  'https://api.company.com',
  'https://files.company.com',
  'https://notes.company.com',
  'https://evil.example',
  'http://api.company.com',
]
const PATHS = [
  '/',
  '/v1/orders',
  '/v1/orders/7?limit=1',
  '/v1/orders?cursor=x&limit=2',
  '/v1/users',
  '/drop/a',
]
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']

const httpRequests = ORIGINS.flatMap((origin) =>
  PATHS.flatMap((path) =>
    METHODS.flatMap((method) => [
      { op: 'http.request', args: { url: origin + path, method } },
      { op: 'http.request', args: { url: origin + path, method, headers: { 'x-request-id': '1' } } },
    ]),
  ),
)

const mail = (to: unknown, priority = 'normal'): Request => ({
  op: 'tools.send_email',
  args: { to, text: 'hello', priority },
})

/** Requests that the sample policies allow, and their near misses. */
export const battery: readonly Request[] = [
  ...httpRequests,
  mail('a@company.com'),
  mail('a@company.com', 'low'),
  mail('a@company.com', 'high'),
  mail('a@evil.example'),
  mail(['a@company.com', 'b@company.com']),
  mail(['a@company.com', 'b@evil.example']),
  { op: 'tools.lookup_order', args: { id: '1' } },
  { op: 'tools.delete_record', args: { id: '1' } },
  { op: 'tools.other', args: {} },
  { op: 'db.query', args: {} },
  { op: 'db.shop.query', args: { sql: 'select 1' } },
  { op: 'db.shop.execute', args: { sql: 'insert into orders values (1)' } },
  { op: 'db.shop.execute', args: { sql: 'update orders set total = 0' } },
  { op: 'db.shop.execute', args: { sql: 'delete from lines' } },
  { op: 'db.shop.execute', args: { sql: 'replace into orders values (1)' } },
]

// Positions of entries change when one is deleted; what is left is the same entry.
const kindOf = ({ meter, code, windowMs }: Quota): string =>
  `${code} ${meter.replaceAll(/\d+/g, '')} ${windowMs ?? ''}`

function ceilingsOf({ quotas }: Judgement): Record<string, number> {
  const ceilings: Record<string, number> = {}
  for (const quota of quotas) {
    const kind = kindOf(quota)
    ceilings[kind] = Math.min(ceilings[kind] ?? Infinity, quota.max)
  }
  return ceilings
}

function strengthOfAsk(policy: CompiledPolicy, judgement: Judgement): number {
  const reason = policy.needsApproval(judgement)
  if (reason === undefined) return 0
  return reason.oncePerRun ? 1 : 2
}

/** Judges one request as the broker would: the op must be granted, the arguments fit, the grant agree. */
export function decide(policy: CompiledPolicy, { op, args }: Request): Decision {
  const grant = [...policy.grants.values()].find(({ ops }) => ops.some(({ name }) => name === op))
  const parsed = grant?.ops.find(({ name }) => name === op)?.arguments.safeParse(args)
  if (grant === undefined || parsed?.success !== true) return undefined
  try {
    const judgement = grant.judge(op, parsed.data)
    return {
      ask: strengthOfAsk(policy, judgement),
      effect: EFFECTS.indexOf(judgement.effect),
      ceilings: ceilingsOf(judgement),
    }
  } catch (error) {
    if (isTollgateError(error)) return undefined
    throw error
  }
}

/** Whether `after` lets through nothing that `before` did not, and asks and limits at least as much. */
function isNoWider(after: Decision, before: Decision): boolean {
  if (after === undefined) return true
  if (before === undefined || after.ask < before.ask || after.effect < before.effect) return false
  return Object.entries(before.ceilings).every(([kind, max]) => (after.ceilings[kind] ?? Infinity) <= max)
}

/** The requests of the battery that one policy allows and another does not, or not so freely. */
export const widened = (after: CompiledPolicy, before: CompiledPolicy): readonly Request[] =>
  battery.filter((request) => !isNoWider(decide(after, request), decide(before, request)))

/** The requests of the battery that a policy allows. */
export const allowed = (policy: CompiledPolicy): readonly Request[] =>
  battery.filter((request) => decide(policy, request) !== undefined)
