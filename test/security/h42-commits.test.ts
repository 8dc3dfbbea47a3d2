import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, mkdirSync, openSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { FilePowers } from '../../src/run/file-powers.ts'
import { filePolicy, openFolder } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { filePowers } from '../harness/weak-files.ts'
import { FLIP } from './flip.ts'

const mountOf = (source: string): object => ({
  path: '/m',
  source,
  mode: 'overlay',
  allow: ['**'],
  ask: 'never',
})

const CODE = `
  await fs.write('/m/d/f', 'new')
  await fs.write('/m/d/fresh', 'new')
  await fs.remove('/m/d/old')`

/** A run whose folder is swapped with a link to the outside when its commit makes this call for the n-th time. */
const swappedAt = async (
  name: keyof FilePowers,
  nth: number,
  weak: (real: FilePowers) => Partial<FilePowers>,
) => {
  const inside = { 'root/d/f': 'inside', 'root/d/old': 'inside' }
  using folder = openFolder({ ...inside, 'outside/f': 'inside', 'outside/old': 'inside' })
  const root = join(folder.path, 'root')
  let calls = 0
  const swap = (): void => {
    calls += 1
    if (calls !== nth) return
    renameSync(join(root, 'd'), join(root, 'away'))
    symlinkSync(join(folder.path, 'outside'), join(root, 'd'))
  }
  const filesystem = filePowers((real) => {
    const method = (weak(real)[name] ?? real[name]) as (...args: unknown[]) => unknown
    const watched = (...args: unknown[]): unknown => {
      swap()
      return method(...args)
    }
    return { ...weak(real), [name]: watched }
  })
  await using gate = await openGate({ powers: { filesystem } })
  const { status, error } = await gate.run({ code: CODE, policy: filePolicy([mountOf(root)]) })
  const outside = Object.fromEntries(
    readdirSync(join(folder.path, 'outside')).map((one) => [
      one,
      readFileSync(join(folder.path, 'outside', one), 'utf8'),
    ]),
  )
  return { outside, calls, status, code: error?.code, left: readdirSync(root) }
}

const UNTOUCHED = { f: 'inside', old: 'inside' }
const careful = (): Partial<FilePowers> => ({})

it.each([
  ['createFile', 1],
  ['write', 1],
  ['sync', 1],
  ['link', 1],
  ['move', 1],
  ['unlink', 1],
  ['unlink', 2],
] as const)('H42: a folder swapped with a link while it is committed: at %s, %i', async (name, nth) => {
  const { outside, calls, status, code, left } = await swappedAt(name, nth, careful)
  expect(calls).toBeGreaterThanOrEqual(nth)
  expect(outside).toEqual(UNTOUCHED)
  // What was decided is done in the folder that was open, or told; nothing is left lying about.
  expect(['done undefined', 'failed UPSTREAM_FILE_CHANGED']).toContain(`${status} ${code}`)
  expect(left.filter((one) => one.startsWith('.tollgate'))).toEqual([])
})

it('H42: powers that follow links would change files outside', async () => {
  const following = (): Partial<FilePowers> => ({
    openFolder: (at, name) =>
      openSync(`/proc/self/fd/${at}/${name}`, constants.O_RDONLY | constants.O_DIRECTORY),
  })
  const { outside } = await swappedAt('createFile', 1, following)
  expect(outside).toEqual({ f: 'new', fresh: 'new' })
})

it(
  'H42: a folder that another process swaps all the time leads no commit outside',
  { timeout: 60_000 },
  async () => {
    using folder = openFolder({ 'root/d/f': '', 'outside/f': '' })
    const root = join(folder.path, 'root')
    const outside = join(folder.path, 'outside')
    mkdirSync(join(folder.path, 'links'))
    symlinkSync(outside, join(folder.path, 'links', 'd'))
    const flipper = spawn(
      process.execPath,
      ['--eval', FLIP, join(root, 'd'), join(folder.path, 'links', 'd')],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      },
    )
    const codes = new Set<string | undefined>()
    try {
      await once(flipper, 'message')
      await using gate = await openGate()
      const policy = filePolicy([mountOf(root)])
      const code = `
      for (let tries = 0; tries < 40; tries += 1)
        try { await fs.write('/m/d/f', String(input)); await fs.write('/m/d/n' + input, 'x'); return } catch {}
      throw new Error('never there')`
      for (let input = 0; input < 25; input += 1)
        codes.add((await gate.run({ code, policy, input })).error?.code)
    } finally {
      const gone = once(flipper, 'exit')
      flipper.kill('SIGKILL')
      await gone
    }
    expect(readdirSync(outside)).toEqual(['f'])
    expect(readFileSync(join(outside, 'f'), 'utf8')).toBe('')
    expect(codes).toContain('UPSTREAM_FILE_CHANGED')
  },
)
