import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { diagnose, type AttackOutcome, type Diagnosis, type Tier } from '../../src/admin.ts'
import { launchCage } from '../../src/cage/launch.ts'
import { attackEntry, gatherParts, isEngineSafe } from '../../src/cage/parts.ts'
import { seccompFilter } from '../../src/cage/seccomp.ts'

const diagnosis: Diagnosis = await diagnose()
type Report = Diagnosis['tiers'][number]
type Skip = (note: string) => unknown

/** How many attempts there are; fewer reports mean that something ended the attacker early. */
const ATTEMPTS = 44
const namesOf = (attacks: readonly AttackOutcome[]): string[] => {
  expect(attacks).toHaveLength(ATTEMPTS)
  return attacks.flatMap(({ held, name }) => (held ? [] : [name]))
}

/** Where a tier cannot be had the test says so, and fails in CI. */
const reportOf = (tier: string, skip: Skip): Report => {
  const report = diagnosis.tiers.find(({ state }) => state.tier === tier) as Report
  const { state } = report
  if (!state.available) {
    const missing = `${tier} cannot be had here: ${state.why}; ${state.remedy}`
    if (process.env['CI'] !== undefined) throw new Error(missing)
    skip(missing)
  }
  return report
}

/** What a tier let through when its box stood alone, without the permission model of Node before it. */
const through = (tier: string, skip: Skip): string[] => namesOf(reportOf(tier, skip).attacks)

/** The same with the permission model, as cages run: behind it the attacker has the whole of Node, but no machine code of its own. */
const throughWithPermissions = async (tier: Tier): Promise<string[]> => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as { port: number }
  const { promise, resolve } = Promise.withResolvers<AttackOutcome[]>()
  const outcomes: AttackOutcome[] = []
  const cage = launchCage({ entry: attackEntry(), tier, argument: `${port},${process.pid}` })
  cage.onFrame = (frame, [text = '']) => {
    if (frame.t === 'log') outcomes.push(JSON.parse(text) as AttackOutcome)
    if (frame.t === 'done') cage.kill()
  }
  cage.onExit = () => resolve(outcomes)
  const names = namesOf(await promise)
  server.close()
  return names
}

describe('H11: a program that has taken the process of a cage over', () => {
  it('gets nothing at all in T3, where the box stands alone', ({ skip }) => {
    expect(through('T3', skip)).toEqual([])
  })

  it('gets files and programs in T2, and nothing of the network, of other processes and of the machine', ({
    skip,
  }) => {
    const allowed = new Set([
      'read a file of the host',
      'list the files of the host',
      'see the name of the host',
      // Where the account may write: what lies outside the folders that are covered, and the checkout's own.
      'write a file',
      'write over its own entry',
      'make a folder',
      'make a symbolic link',
      'make a hard link',
      'make a database',
      'let Node write a report',
      'change what the kernel notes of it',
      'write its own code through /proc',
      'run a shell',
      'run Node again',
      'run a program through the internals of Node',
      'find a program to become',
      // In a network where nobody else is.
      'listen on a port',
      'open a UDP socket',
      'listen on a unix socket',
      'resolve a name',
      'open a port for a debugger',
    ])
    expect(through('T2', skip).filter((name) => !allowed.has(name))).toEqual([])
  })

  it('gets nearly everything where there is no box: the attacks are real (negative control)', ({ skip }) => {
    expect(through('T1', skip)).toEqual(
      expect.arrayContaining([
        'read a file of the host',
        'list the files of the host',
        'write a file',
        'make a folder',
        'make a symbolic link',
        'let Node write a report',
        'open a device',
        'write its own code through /proc',
        'run a shell',
        'run a program through the internals of Node',
        'find a program to become',
        'see other processes',
        'connect to a port of the host',
        'listen on a port',
        'open a port for a debugger',
      ]),
    )
  })

  it('keeps its limits, its empty environment and the namespaces of others out of reach in every tier', ({
    skip,
  }) => {
    for (const tier of ['T1', 'T2', 'T3']) {
      for (const name of [
        'raise its own limits',
        'enter the namespaces of process 1',
        'see the environment of the host',
        'hold a descriptor that nobody gave it',
        'load native code of its own',
        'write over Node',
        'open its descriptors anew, with more rights',
      ])
        expect([tier, through(tier, skip)]).not.toEqual([tier, expect.arrayContaining([name])])
    }
  })

  it('is not the root that started it in T1: the host and what belongs to root are closed to it', ({
    skip,
  }) => {
    if (!gatherParts().canBeNobody())
      skip('the host is not root, or root alone can read what a cage is made of')
    const got = through('T1', skip)
    for (const name of [
      'signal the host',
      'open a setting of the kernel to write',
      'write over its own entry',
    ])
      expect(got).not.toContain(name)
  })

  it('is held by the permission model of Node in T1 as long as it has only Node: names and signals are all it gets', async ({
    skip,
  }) => {
    reportOf('T1', skip)
    const allowed = [
      'see the name of the host',
      'see the network of the host',
      'signal the host',
      'signal everybody',
    ]
    expect((await throughWithPermissions('T1')).filter((name) => !allowed.includes(name))).toEqual([])
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
