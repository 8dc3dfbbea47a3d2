import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { openGate } from '../harness/gate.ts'
import { startHost } from '../run/other-host.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h53-'))
  mkdirSync(join(folder, 'files/f0'), { recursive: true })
  for (const name of FILES) writeFileSync(join(folder, 'files', name), textOf('0'))
  writeFileSync(join(folder, 'files/f0/n0'), '0')
})
afterEach(() => rmSync(folder, { recursive: true }))

const FILES = ['a', 'b', 'c', 'd'] as const
const textOf = (n: string): string => n + '\n'.repeat(2000) + n

const state = (): string => join(folder, 'state')
const files = (): string => join(folder, 'files')
const startCommitting = (from: number, to: number, ...ways: string[]) =>
  startHost('committing-host.ts', [state(), files(), String(from), String(to), ...ways])

/** Every file is of one run or another, never of two; the runs that they are of. */
const runsSeen = (): readonly string[] => {
  const seen = FILES.map((name) => {
    const text = readFileSync(join(files(), name), 'utf8')
    const n = text.slice(0, text.indexOf('\n'))
    expect(text).toBe(textOf(n))
    return n
  })
  return [...new Set(seen)]
}

/** The folder is as one run left it: no file of another, and nothing that a commit had put beside. */
const expectOf = (n: string | undefined): void => {
  expect(runsSeen()).toEqual([n])
  expect(readdirSync(files(), { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(
    [...FILES, `f${n}`, `f${n}/n${n}`].toSorted(),
  )
}

/** What the state says became of the last commit. */
const lastFate = (): string | undefined => {
  const store = openSqliteStore(state())
  try {
    return store.fileCommits.fates('').at(-1)?.state
  } finally {
    store.close()
  }
}

type Killed = {
  signal: string | null
  output: string
  isHalf: boolean
  fate: string | undefined
  after: string | undefined
}

/** A commit whose host dies at this change; the folder is then all old or all new, as the log says. */
const killAt = async (point: number, n: number): Promise<Killed> => {
  const { signal, output } = await startCommitting(n, n + 1, `dies:${point}`).ended
  const isHalf = runsSeen().length > 1
  const fate = lastFate()
  await reopen()
  expectOf(String(fate === 'prepared' ? n - 1 : n))
  return { signal, output, isHalf, fate, after: lastFate() }
}

const reopen = async (): Promise<void> => {
  await using _ = await openGate({ state: state() })
}

describe('a host that is killed while it commits files', () => {
  it(
    'at a random point: each file is old or new, and all are when the state is opened again',
    { timeout: 120_000 },
    async () => {
      let last = 0
      for (let kill = 0; kill < 6; kill += 1) {
        const host = startCommitting(last + 1, 10_000)
        expect(await host.line()).toBe('committing')
        await new Promise((resolve) => {
          setTimeout(resolve, Math.random() * 200)
        })
        host.process.kill('SIGKILL')
        expect((await host.ended).signal).toBe('SIGKILL')
        runsSeen()
        await reopen()
        const [n] = runsSeen()
        expectOf(n)
        last = Number(n)
      }
      expect(last).toBeGreaterThan(0)
    },
  )

  it(
    'at every stage of it: the redo log tells whether the commit happened',
    { timeout: 120_000 },
    async () => {
      const seen: Killed[] = []
      let n = 0
      // Many changes are alike: the files that are written beside, the folders that are synced.
      for (let point = 0; seen.at(-1)?.signal !== null; point += point < 12 ? 6 : 2) {
        const killed = await killAt(point, n + 1)
        seen.push(killed)
        if (killed.fate === 'decided') n += 1
      }
      const last = seen.pop()
      expect(last).toMatchObject({ fate: 'done', output: 'committing\nover' })
      expect(seen.filter(({ fate, after }) => after !== (fate === 'decided' ? 'done' : 'undone'))).toEqual([])
      expect(new Set(seen.map(({ fate }) => fate))).toEqual(new Set(['prepared', 'decided']))
      expect(seen.filter(({ isHalf }) => isHalf).length).toBeGreaterThan(0)
    },
  )

  it('and somebody takes a name before the commit is finished: nothing is removed, for it may have moved to there', async () => {
    await startCommitting(1, 2, 'dies:16').ended
    mkdirSync(join(files(), 'f1'), { recursive: true })
    writeFileSync(join(files(), 'f1/n1'), 'of somebody else')
    await reopen()
    expect(lastFate()).toBe('conflict')
    expect(runsSeen()).toEqual(['1'])
    expect(['f0/n0', 'f1/n1'].map((name) => readFileSync(join(files(), name), 'utf8'))).toEqual([
      '0',
      'of somebody else',
    ])
  })

  it('negative control: where the log is forgotten, files stay half changed', async () => {
    await startCommitting(1, 2, 'dies:16').ended
    expect(runsSeen()).toEqual(['1', '0'])
    await startCommitting(2, 2, 'forgets').ended
    expect(runsSeen()).toEqual(['1', '0'])
    await reopen()
    expectOf('1')
  })
})

it('a host that is killed in the middle of a run with staged writes leaves files as before', async () => {
  const host = startCommitting(1, 2, 'staged')
  expect((await host.ended).signal).toBe('SIGKILL')
  expectOf('0')
  await reopen()
  expectOf('0')
})
