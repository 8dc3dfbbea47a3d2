import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { probeTiers } from '../../src/cage/probe.ts'
import { isTollgateError, type RunOptions } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'

const states = probeTiers()
const best = states.findLast(({ available }) => available)?.tier
const missing = states.find(({ available }) => !available)?.tier

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it ran',
    (error: unknown) => (isTollgateError(error) ? error.code : String(error)),
  )

const run = async (security: object): Promise<unknown> => {
  await using gate = await openGate()
  return await gate.run({ code: 'return 1', policy: { security } satisfies RunOptions['policy'] })
}

describe('the tier of a cage', () => {
  it('is the strongest that the machine has, and stands in the result', async () => {
    await using gate = await openGate()
    const { tier } = await gate.run({ code: 'return 1', policy: {} })
    expect(tier).toBe(best)
  })

  it('that a policy or an embedder demands is there, or nothing runs', async () => {
    expect(await codeOf(run({ min_tier: best }))).toBe('it ran')
    expect(
      await codeOf(openGate({ ...(best !== undefined && { minTier: best }) }).then((gate) => gate.close())),
    ).toBe('it ran')
    // Where even T4 can be had there is nothing left to refuse.
    if (missing === undefined) return
    expect(await codeOf(run({ min_tier: missing }))).toBe('CONFIG_TIER_UNAVAILABLE')
    expect(await codeOf(openGate({ minTier: missing }))).toBe('CONFIG_TIER_UNAVAILABLE')
  })

  it('with the strict profile runs the same tools, without machine code made from them', async () => {
    const launched: { isStrict: boolean; cage: Cage }[] = []
    const launch = (isStrict: boolean): Cage => {
      const cage = launchCage({ isStrict })
      launched.push({ isStrict, cage })
      return cage
    }
    await using gate = await openGate({ powers: { launchCage: launch }, spareCages: 0 })
    const flags: boolean[] = []
    for (const security of [{}, { profile: 'strict' }]) {
      const { value } = await gate.run({
        code: 'let sum = 0; for (let n = 0; n < 1000; n += 1) sum += n; return sum',
        policy: { security },
      })
      expect(value).toBe(499_500)
      const node = launched.at(-1)?.cage.nodePid() ?? 0
      flags.push(readFileSync(`/proc/${node}/cmdline`, 'utf8').split('\0').includes('--jitless'))
    }
    expect(launched.map(({ isStrict }) => isStrict)).toEqual([false, true])
    expect(flags).toEqual([false, true])
  })
})
