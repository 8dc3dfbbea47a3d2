import type { UpkeepFinding, UpkeepPlan, Upkeep } from '../capabilities/capability.ts'
import { createRegistry } from '../capabilities/registry.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { createDbPowers } from './db-powers.ts'
import { createFilePowers } from './file-powers.ts'
import { resolveSecrets } from './secrets.ts'
import { TokenHolders } from './token-holders.ts'

/** The powers of those capabilities that have something to keep up. */
const POWERS: Readonly<Record<string, () => unknown>> = { db: createDbPowers, filesystem: createFilePowers }
const powersOf = (name: string): unknown => POWERS[name]?.()

const upkeepOf = (name: string): Upkeep | undefined =>
  createRegistry({}).find((capability) => capability.name === name)?.upkeep

/** What has to be done outside of runs for the grants of one capability. Throws CONFIG_USAGE where there is nothing of that kind. */
export async function planUpkeep(
  policy: CompiledPolicy,
  name: string,
  part?: string,
): Promise<readonly UpkeepPlan[]> {
  const grant = policy.grants.get(name)
  const upkeep = upkeepOf(name)
  const plans = grant === undefined || upkeep === undefined ? [] : ((await upkeep.plan?.(grant, part)) ?? [])
  if (plans.length > 0) return plans
  const what = part === undefined ? `no part of permissions.${name}` : `no permissions.${name}.${part}`
  throw new TollgateError('CONFIG_USAGE', `The policy has ${what} for which anything has to be set up.`)
}

/** Does what a plan says, as whoever the url logs in. */
export async function applyUpkeep(plan: UpkeepPlan, name: string, url: string): Promise<void> {
  await upkeepOf(name)?.apply?.(plan, url, powersOf(name))
}

/** Looks at everything that a policy names and that can be looked at (databases, folders), with the policy's own secrets; tells what does not fit. */
export async function inspectPolicy(
  policy: CompiledPolicy,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly UpkeepFinding[]> {
  const asker = { principal: 'local', task: undefined, signal: undefined }
  const secrets = await resolveSecrets(
    policy,
    { env, holders: new TokenHolders(() => performance.now()) },
    asker,
  )
  const all = [...policy.grants].map(
    async ([name, grant]) =>
      (await upkeepOf(name)?.inspect(grant, { secrets, powers: powersOf(name) })) ?? [],
  )
  return (await Promise.all(all)).flat()
}
