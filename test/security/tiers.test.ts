import { describe, expect, it } from 'vitest'
import { casesFor } from '../../src/attack/roster.ts'
import { runCases } from '../../src/attack/run-cases.ts'
import { launchCage } from '../../src/cage/launch.ts'
import { probeTiers } from '../../src/cage/probe.ts'
import { createTollgate } from '../../src/index.ts'

// test/attack/controls*.test.ts prove that each of the judges can fail.
describe.concurrent('the hostile cases that an installed build can be attacked with', () => {
  for (const tier of ['T1', 'T2', 'T3'] as const)
    it(`are held in ${tier}`, { timeout: 180_000 }, async ({ skip }) => {
      const state = probeTiers().find((one) => one.tier === tier)
      if (state?.available !== true) {
        const missing = `${tier} cannot be had here: ${state?.why ?? 'unknown'}`
        if (process.env['CI'] !== undefined) throw new Error(missing)
        skip(missing)
      }
      const cases = casesFor(tier)
      const outcomes = await runCases(cases, {
        tier,
        signal: new AbortController().signal,
        parts: { open: createTollgate, launch: launchCage },
      })
      const broken = outcomes.filter(({ held }) => !held)
      expect(broken.map(({ id, what, happened }) => `${id} ${what}: ${happened}`)).toEqual([])
      expect(outcomes).toHaveLength(cases.length)
      expect(cases.length).toBeGreaterThan(95)
    })
})
