import { afterEach, describe, it, vi } from 'vitest'
import { RunHandles } from '../../src/run/handles.ts'
import {
  childrenHaveFullLimits,
  childrenHoldAll,
  childrenPayNothing,
  unfitted,
} from '../capabilities/exec/weak-bounds.ts'
import { both, withGrant, type Replace } from '../run/gates.ts'
import { expectBroken, named } from './breaking.ts'
import { buildOf, weakHost } from './weak-builds.ts'

/** Caveats of these capabilities restrict nothing. */
const careless: Replace = both(
  ...['tools', 'db', 'filesystem', 'code_exec'].map((name) =>
    withGrant(name, (grant) => ({
      ...grant,
      attenuation: { caveats: grant.attenuation?.caveats ?? {}, attenuate: () => (judgement) => judgement },
    })),
  ),
)

afterEach(() => vi.restoreAllMocks())

describe('what is handed on, where it is not weaker', () => {
  it('by children that hold all that their parent holds', async () => {
    const all = weakHost(childrenHoldAll)
    await expectBroken(named('H50', 'let a child'), all, /money was paid back.*a planted secret/)
  })

  it('by children that pay nothing, or that have all limits of their parent', async () => {
    const spend = named('H50', 'spend')
    await expectBroken(spend, weakHost(childrenPayNothing), /\d\d calls were performed/)
    await expectBroken(spend, weakHost(childrenHaveFullLimits), /calls were performed instead of 8/)
  })

  it('by a quarantine that lets everything out', async () => {
    await expectBroken(named('H50', 'bring'), weakHost(unfitted), /a planted secret was found in/)
  })

  it('by caveats that restrict nothing', async () => {
    await expectBroken(named('H50', 'use'), weakHost(careless), /money was paid back/)
  })

  it('by handles that are never revoked', async () => {
    vi.spyOn(RunHandles.prototype, 'revoke').mockImplementation(() => undefined)
    await expectBroken(
      named('H50', 'use'),
      buildOf(),
      /^16 calls were refused instead of 20.*the guest got .*gone\.note/,
      20_000,
    )
  })
})
