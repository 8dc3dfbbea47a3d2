import type { GrantEnvironment } from '../../../src/capabilities/capability.ts'
import { compileHttpGrant, type HttpGrant, type HttpJudgement } from '../../../src/capabilities/http/grant.ts'
import { HTTP_OP, requestArguments } from '../../../src/capabilities/http/ops.ts'
import { httpSchema } from '../../../src/capabilities/http/schema.ts'
import { isTollgateError, type TollgateError } from '../../../src/errors/tollgate-error.ts'

/** What the rest of a policy says, where a test does not say it. */
export const environment = (given: Partial<GrantEnvironment> = {}): GrantEnvironment => ({
  secretHosts: new Map(),
  prices: { cpuSecondMicroUsd: 0, httpCallMicroUsd: 0, egressMbMicroUsd: 0 },
  warn: () => undefined,
  ...given,
})

/** Compiles a document of `permissions.http`, as a policy does. */
export const grantOf = (document: object, given: Partial<GrantEnvironment> = {}): HttpGrant =>
  compileHttpGrant(httpSchema.parse(document), environment(given))

/** A grant of one full entry. */
export const entryGrant = (entry: object, rest: object = {}, given?: Partial<GrantEnvironment>): HttpGrant =>
  grantOf({ ...rest, allowed_domains: [entry] }, given)

/** Judges arguments of the wire, parsed as the broker parses them. */
export const judge = (grant: HttpGrant, args: object): HttpJudgement =>
  grant.judge(HTTP_OP, requestArguments.parse(args)) as HttpJudgement

/** Judges a GET of a URL. */
export const judgeUrl = (grant: HttpGrant, url: string): HttpJudgement => judge(grant, { url })

/** The error of ours that a function throws. */
export function refusalOf(work: () => unknown): TollgateError {
  try {
    work()
  } catch (error) {
    if (isTollgateError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** What the schema says is wrong with a document: `path: message` of each issue. */
export function problemsOf(document: object): string[] {
  const parsed = httpSchema.safeParse(document)
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}
