import { describe, it } from 'vitest'
import type { DatabaseGrant } from '../../src/capabilities/db/database-grant.ts'
import type { DbGrant } from '../../src/capabilities/db/grant.ts'
import { pooledPower, weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { withGrant, type Replace } from '../run/gates.ts'
import { expectBroken, named } from './breaking.ts'
import { weakHost, weakPowers } from './weak-builds.ts'

/** Takes every statement that writes for an INSERT, and every other for a query. */
const unjudged: Replace = withGrant('db', (grant) => withoutJudging(grant, 'insert into x values (1)'))
/** A process that does whatever it is told, and nobody who looks at what that is. */
const obedient = () => weakPowers({ db: weakPower() }, unjudged)

/** Databases with other bounds than the policy says. */
const bounded = (change: Partial<DatabaseGrant>) =>
  weakHost(
    withGrant('db', (grant) => {
      const { databases } = grant as DbGrant
      return {
        ...grant,
        databases: new Map([...databases].map(([name, one]) => [name, { ...one, ...change }])),
      }
    }),
  )

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
    const heavy = named('H38')
    await expectBroken(heavy, bounded({ timeoutMs: 600_000 }), /^cancelled instead of done/, 3_000)
    await expectBroken(
      heavy,
      bounded({ rowsMax: 1e9 }),
      /^calls were refused by LIMIT_RESPONSE_SIZE, /,
      9_000,
    )
  })

  it('by one process for all', async () => {
    const db = pooledPower()
    await expectBroken(named('H40'), weakPowers({ db }, unjudged), /mallory.* came back instead of/)
    db.end()
  })
})
