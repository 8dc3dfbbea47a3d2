import { describe, it } from 'vitest'
import type { DbGrant } from '../../src/capabilities/db/grant.ts'
import { pooledPower, weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { withGrant, type Replace } from '../run/gates.ts'
import { expectBroken, named } from './breaking.ts'
import { weakHost, weakPowers } from './weak-builds.ts'

/** Takes every statement that writes for an INSERT, and every other for a query. */
const unjudged: Replace = withGrant('db', (grant) => withoutJudging(grant, 'insert into x values (1)'))
/** A process that does whatever it is told, and nobody who looks at what that is. */
const obedient = () => weakPowers({ db: weakPower() }, unjudged)

/** Statements may take as long as they like. */
const patient: Replace = withGrant('db', (grant) => {
  const { databases } = grant as DbGrant
  const changed = [...databases].map(([name, one]) => [name, { ...one, timeoutMs: 600_000 }] as const)
  return { ...grant, databases: new Map(changed) }
})

describe('a database that is weaker', () => {
  it('by doing whatever it is told', { timeout: 60_000 }, async () => {
    const changes = /the guest got .*the database was changed: /
    await expectBroken(named('H33'), obedient(), changes)
    await expectBroken(named('H34'), obedient(), changes)
    await expectBroken(named('H35', 'read'), obedient(), /the guest got .*a planted secret was found in/)
    await expectBroken(named('H35', 'write'), obedient(), changes)
    await expectBroken(named('H37'), obedient(), /outside every mount there is now beside\/vacuumed\.db/)
    await expectBroken(named('H39'), obedient(), /came back instead of .*a planted secret was found in/)
  })

  it('by its bounds', { timeout: 60_000 }, async () => {
    await expectBroken(named('H38'), weakHost(patient), /^cancelled instead of done/, 3_000)
    const boundless = weakPowers({ db: weakPower() }, unjudged)
    await expectBroken(
      named('H38'),
      boundless,
      /^calls were refused by UPSTREAM_TIMEOUT, .* instead of LIMIT_ROWS/,
      20_000,
    )
  })

  it('by one process for all', async () => {
    const db = pooledPower()
    await expectBroken(named('H40'), weakPowers({ db }, unjudged), /mallory.* came back instead of/)
    db.end()
  })
})
