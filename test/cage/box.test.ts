import { describe, expect, it } from 'vitest'
import { diagnose, type Diagnosis } from '../../src/admin.ts'
import { isEngineSafe } from '../../src/cage/parts.ts'
import { seccompFilter } from '../../src/cage/seccomp.ts'

const diagnosis: Diagnosis = await diagnose()
type Report = Diagnosis['tiers'][number]
type Skip = (note: string) => unknown

/** What a tier let through. Where it cannot be had the test says so, and fails in CI. */
const through = (tier: string, skip: Skip): string[] => {
  const { state, attacks } = diagnosis.tiers.find((report) => report.state.tier === tier) as Report
  if (!state.available) {
    const missing = `${tier} cannot be had here: ${state.why}; ${state.remedy}`
    if (process.env['CI'] !== undefined) throw new Error(missing)
    skip(missing)
  }
  expect(attacks.length).toBeGreaterThanOrEqual(15)
  return attacks.flatMap(({ held, name }) => (held ? [] : [name]))
}

describe('H11: a program that has taken the process of a cage over', () => {
  it('gets nothing at all in T3, where the box stands alone, without the permission model of Node', ({
    skip,
  }) => {
    expect(through('T3', skip)).toEqual([])
  })

  it('gets files and programs in T2, but no way out and no other process', ({ skip }) => {
    const got = through('T2', skip)
    for (const name of [
      'connect to a port of the host',
      'see other processes',
      'signal the host',
      'write a file',
    ])
      expect(got).not.toContain(name)
  })

  it('gets nearly everything where there is no box: the attacks are real (negative control)', ({ skip }) => {
    expect(through('T1', skip)).toEqual(
      expect.arrayContaining([
        'read a file of the host',
        'connect to a port of the host',
        'run a shell',
        'see other processes',
      ]),
    )
  })
})

it('the strongest tier that can be had is the one that cages run in', () => {
  const available = diagnosis.tiers.filter(({ state }) => state.available).map(({ state }) => state.tier)
  expect(diagnosis.tier).toBe(available.at(-1))
})

it('the filter is whole instructions, ends with a verdict, and exists for the processors that it was written for', () => {
  for (const architecture of ['x64', 'arm64']) {
    const filter = seccompFilter(architecture)
    expect(filter?.length).toBeGreaterThan(800)
    expect((filter?.length ?? 1) % 8).toBe(0)
    expect(filter?.at(-8)).toBe(0x06)
  }
  expect(seccompFilter('mips')).toBeUndefined()
})

it('an engine with a known escape is not loaded', () => {
  for (const version of ['6.1.2', '7.0.0', '7.0.1-rc.1', 'garbage', ''])
    expect(isEngineSafe(version)).toBe(false)
  for (const version of ['7.0.1', '7.0.2', '7.1.0', '8.0.0', '10.0.0'])
    expect(isEngineSafe(version)).toBe(true)
})
