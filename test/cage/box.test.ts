import { describe, expect, it } from 'vitest'
import { diagnose, type Diagnosis } from '../../src/admin.ts'
import { isEngineSafe } from '../../src/cage/parts.ts'
import { seccompFilter } from '../../src/cage/seccomp.ts'

const diagnosis: Diagnosis = await diagnose()
const attacksIn = (tier: string) => {
  const report = diagnosis.tiers.find(({ state }) => state.tier === tier)
  if (report?.state.available !== true)
    throw new Error(
      `${tier} cannot be had here: ${report?.state.available === false ? `${report.state.why}; ${report.state.remedy}` : 'unknown'}`,
    )
  return report.attacks
}
const through = (tier: string): string[] => attacksIn(tier).flatMap(({ held, name }) => (held ? [] : [name]))

describe('H11: a program that has taken the process of a cage over', () => {
  it('gets nothing at all in T3, where the box stands alone, without the permission model of Node', () => {
    expect(attacksIn('T3').length).toBeGreaterThanOrEqual(15)
    expect(through('T3')).toEqual([])
  })

  it('gets files and programs in T2, but no way out and no other process', () => {
    const got = through('T2')
    for (const name of [
      'connect to a port of the host',
      'see other processes',
      'signal the host',
      'write a file',
    ])
      expect(got).not.toContain(name)
  })

  it('gets nearly everything where there is no box: the attacks are real (negative control)', () => {
    expect(through('T1')).toEqual(
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
