import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, mkdirSync, openSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { FilePowers } from '../../src/run/file-powers.ts'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { filePowers, realpathThenOpen } from '../harness/weak-files.ts'
import { FLIP } from './flip.ts'

const mountOf = (source: string): object => ({
  path: '/m',
  source,
  mode: 'write',
  allow: ['**'],
  ask: 'never',
})

/** A root with links that lead out of it, and what lies outside. */
const linked = () => {
  const folder = openFolder({ 'root/ok': 'inside', 'root/real/ok': 'inside', 'outside/secret': 'secret' })
  const root = join(folder.path, 'root')
  const outside = join(folder.path, 'outside')
  symlinkSync(join(outside, 'secret'), join(root, 'file'))
  symlinkSync(outside, join(root, 'folder'))
  symlinkSync('../outside/secret', join(root, 'relative'))
  symlinkSync('file', join(root, 'chain'))
  symlinkSync('chain', join(root, 'chain2'))
  symlinkSync(join(outside, 'new'), join(root, 'dangling'))
  symlinkSync('real', join(root, 'inward'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('/proc/self', join(root, 'self'))
  return { root, outside, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

it('H42: no link is followed, wherever it leads', async () => {
  using places = linked()
  await using gate = await openGate()
  const links = ['file', 'relative', 'chain', 'chain2', 'dangling', 'loop']
  const through = ['folder/secret', 'inward/ok', 'self/environ']
  const reads = [...links, ...through].map((name): FileCall => ['readText', `/m/${name}`])
  const writes: FileCall[] = [
    ...links.map((name): FileCall => ['write', `/m/${name}`, 'x']),
    ['write', '/m/folder/new', 'x'],
    ['append', '/m/file', 'x'],
    ['mkdir', '/m/folder/made'],
    ['mkdir', '/m/dangling/made'],
    ['remove', '/m/folder/secret'],
    ['remove', '/m/file'],
    ['rename', '/m/file', '/m/copy'],
    ['rename', '/m/ok', '/m/folder/ok'],
    ['list', '/m/folder'],
    ['stat', '/m/file'],
    ['exists', '/m/file'],
  ]
  const { found } = await callFiles(gate, filePolicy([mountOf(places.root)]), [...reads, ...writes])
  expect(found).toEqual([...reads, ...writes].map(() => 'DENIED_FILE_KIND at perform'))
  expect(readdirSync(places.outside)).toEqual(['secret'])
  expect(readFileSync(join(places.outside, 'secret'), 'utf8')).toBe('secret')
  const { found: listing } = await callFiles(gate, filePolicy([mountOf(places.root)]), [['glob', '/m/**']])
  expect(listing).toEqual([['/m/ok', '/m/real/ok']])
})

it('H42: powers that follow links would leak', async () => {
  using places = linked()
  const following = filePowers((real) => ({
    openFolder: (at, name) =>
      openSync(`/proc/self/fd/${at}/${name}`, constants.O_RDONLY | constants.O_DIRECTORY),
    factsOf: real.factsOf,
  }))
  await using gate = await openGate({ powers: { filesystem: following } })
  const { found } = await callFiles(gate, filePolicy([mountOf(places.root)]), [
    ['readText', '/m/folder/secret'],
  ])
  expect(found).toEqual(['secret'])
})

/** A guest that reads and writes below a folder which another process swaps with a link to the outside, again and again. */
const race = async (durationMs: number) => {
  using folder = openFolder({ 'root/d/f': 'inside', 'outside/f': 'secret' })
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
  try {
    await once(flipper, 'message')
    await using gate = await openGate()
    const code = `
      const began = Date.now()
      const counts = { inside: 0, secret: 0, refused: 0, wrote: 0 }
      while (Date.now() - began < input.durationMs) {
        await Promise.all(Array.from({ length: 8 }, async (_, n) => {
          try {
            if (n === 7) { await fs.write('/m/d/new', 'x'); counts.wrote += 1 }
            else counts[await fs.readText('/m/d/f')] += 1
          } catch { counts.refused += 1 }
        }))
      }
      return counts`
    const policy = filePolicy([{ ...mountOf(root), max_total_kb: 100_000 }], {
      limits: { max_tool_calls: 1_000_000, max_cpu_seconds: 60 },
    })
    const result = await gate.run({ code, policy, input: { durationMs } })
    expect(result.error).toBeUndefined()
    const counts = result.value as Readonly<Record<'inside' | 'secret' | 'refused' | 'wrote', number>>
    return { counts, outside: readdirSync(outside) }
  } finally {
    const gone = once(flipper, 'exit')
    flipper.kill('SIGKILL')
    await gone
  }
}

it('H42: a folder that is swapped with a link meanwhile leaks nothing', async () => {
  const { counts, outside } = await race(1500)
  expect(counts.secret).toBe(0)
  expect(outside).toEqual(['f'])
  // It was tried: some found the folder, some the link or nothing.
  expect(counts.inside).toBeGreaterThan(10)
  expect(counts.refused).toBeGreaterThan(10)
  expect(counts.wrote).toBeGreaterThan(0)
})

/** Reads a file below a folder that is swapped with a link to the outside just before the file is opened. */
const swappedMidway = async (powersWith: (swap: () => void) => FilePowers): Promise<readonly unknown[]> => {
  using folder = openFolder({ 'root/d/f': 'inside', 'outside/f': 'secret' })
  const root = join(folder.path, 'root')
  const swap = (): void => {
    renameSync(join(root, 'd'), join(root, 'away'))
    symlinkSync(join(folder.path, 'outside'), join(root, 'd'))
  }
  await using gate = await openGate({ powers: { filesystem: powersWith(swap) } })
  return (await callFiles(gate, filePolicy([mountOf(root)]), [['readText', '/m/d/f']])).found
}

it('H42: a swap at the worst moment changes nothing for a folder that is open', async () => {
  const found = await swappedMidway((swap) =>
    filePowers((real) => ({
      openFile(at, name) {
        swap()
        return real.openFile(at, name)
      },
    })),
  )
  expect(found).toEqual(['inside'])
})

it('H42: asking where a path leads, then opening it, would leak', async () => {
  expect(await swappedMidway(realpathThenOpen)).toEqual(['secret'])
})
