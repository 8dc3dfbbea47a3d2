import { readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/index.ts'
import { createBundler, type Bundler } from '../../src/run/bundler-process.ts'
import { checkout, openFolder, startProgram, type Folder } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'
import { descendants, openDescriptors } from '../run/processes.ts'
import { until } from '../run/until.ts'

let folder: Folder
let file: string
beforeAll(() => {
  folder = openFolder({
    'tool.ts': `import { all, create } from 'mathjs'\nexport default () => typeof create(all)`,
    'none.ts': 'export default () => 1',
    'silent.mjs': 'setInterval(() => undefined, 1000)',
    'fails.mjs': 'process.exit(3)',
    'babbles.mjs': 'process.stdout.write("no answer at all")',
    'floods.mjs': `const bytes = Buffer.alloc(1 << 20)\nconst on = () => process.stdout.write(bytes, on)\non()`,
  })
  symlinkSync(join(checkout, 'node_modules'), join(folder.path, 'node_modules'))
  file = join(folder.path, 'tool.ts')
})
afterAll(() => folder[Symbol.dispose]())

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
/** Processes of the bundler beneath a host: Node's own, and the program that it starts. */
const bundlersOf = (host: number): { node: number[]; esbuild: number[] } => {
  const all = descendants(host)
  return {
    node: all.filter((pid) => /\0\S*bundler\.mjs|silent\.mjs/.test(commandOf(pid))),
    esbuild: all.filter((pid) => /esbuild\0--service/.test(commandOf(pid))),
  }
}

/** Waits until a bundler is at work, and holds it there. */
async function holdBundler(host: number): Promise<readonly number[]> {
  let held: readonly number[] = []
  await until(() => {
    const { node, esbuild } = bundlersOf(host)
    if (node.length === 0 || esbuild.length === 0) return false
    // It answers nobody from now on, so what it has started waits for ever.
    for (const pid of node) process.kill(pid, 'SIGSTOP')
    held = [...node, ...esbuild]
    return true
  })
  return held
}

describe('a bundler that is at work ends', () => {
  it.each(['SIGTERM', 'SIGKILL', 'SIGINT'] as const)('with its host, by %s', async (signal) => {
    const host = startProgram(process.execPath, [join(import.meta.dirname, 'bundling-host.ts'), file])
    const held = await holdBundler(host.pid)
    host.kill(signal)
    const { stdout } = await host.ended
    expect(stdout).toBe('')
    expect(held.length).toBeGreaterThan(1)
    expect(await until(() => !held.some(isAlive))).toBe(true)
  })

  it('with its run when that is cancelled, and before the run is over', async () => {
    await using gate = await openGate()
    const cancel = new AbortController()
    const result = gate.run({ file, policy: {}, signal: cancel.signal })
    const held = await holdBundler(process.pid)
    cancel.abort()
    expect(await result).toMatchObject({ status: 'cancelled' })
    expect(await until(() => !held.some(isAlive))).toBe(true)
  })

  it('when it was cancelled just before', async () => {
    const bundler = createBundler({ entry: join(folder.path, 'silent.mjs'), msMax: 300 })
    const cancel = new AbortController()
    const bundling = bundler.bundle({ file, text: '', isScript: true }, cancel.signal)
    cancel.abort(new Error('cancelled'))
    await expect(bundling).rejects.toThrow('cancelled')
    expect(bundlersOf(process.pid).node).toEqual([])
  })

  it('when its memory is used up, which a manifest without an end would do', async () => {
    folder.write({ 'endless/tool.js': `import './part.js'\nexport default () => 1`, 'endless/part.js': '' })
    symlinkSync('/dev/zero', join(folder.path, 'endless/package.json'))
    const used = startProgram(process.execPath, [
      join(import.meta.dirname, 'bundling-host.ts'),
      join(folder.path, 'endless/tool.js'),
    ])
    expect((await used.ended).stdout).toMatch(/INTERNAL_CHILD_START/)
  }, 60_000)

  it('with its run under a key, which can be used again', async () => {
    await using gate = await openGate()
    const cancel = new AbortController()
    const result = gate.run({ file, policy: {}, signal: cancel.signal, idempotencyKey: 'one' })
    await holdBundler(process.pid)
    cancel.abort()
    expect(await result).toMatchObject({ status: 'cancelled' })
    expect(await gate.run({ file, policy: {}, idempotencyKey: 'one' })).toMatchObject({ value: 'object' })
  })

  it('when its Tollgate is closed by force', async () => {
    const gate = await openGate()
    const result = gate.run({ file, policy: {} })
    const held = await holdBundler(process.pid)
    await gate.close({ force: true })
    expect(await result).toMatchObject({ status: 'cancelled' })
    expect(await until(() => !held.some(isAlive))).toBe(true)
  })

  it('when its time is over, and the tool is at fault', async () => {
    const bundler = createBundler({ entry: join(folder.path, 'silent.mjs'), msMax: 300 })
    await using gate = await openGate({ powers: { bundler } })
    expect((await gate.run({ file, policy: {} })).error).toMatchObject({
      code: 'GUEST_IMPORT',
      message: expect.stringContaining('0.3 seconds') as string,
    })
    expect(bundlersOf(process.pid).node).toEqual([])
  })
})

describe('a bundler that gives no answer', () => {
  it('leaves the key of its run to the next', async () => {
    const broken = createBundler({ entry: join(folder.path, 'fails.mjs') })
    const sound = createBundler()
    let isBroken = true
    const bundler: Bundler = {
      bundle: (...asked) => (isBroken ? broken : sound).bundle(...asked),
    }
    await using gate = await openGate({ powers: { bundler } })
    const run = (): Promise<RunResult> => gate.run({ file, policy: {}, idempotencyKey: 'two' })
    expect((await run()).error).toMatchObject({ code: 'INTERNAL_CHILD_START', gate: 'cage' })
    isBroken = false
    expect(await run()).toMatchObject({ value: 'object' })
  })

  it.each(['fails.mjs', 'babbles.mjs', 'floods.mjs', 'no-such-file.mjs'])(
    'fails the run and nothing else: %s',
    async (entry) => {
      const bundler = createBundler({ entry: join(folder.path, entry) })
      await using gate = await openGate({ powers: { bundler } })
      expect((await gate.run({ file, policy: {} })).error).toMatchObject({ code: 'INTERNAL_CHILD_START' })
      expect(await gate.run({ file: join(folder.path, 'none.ts'), policy: {} })).toMatchObject({ value: 1 })
    },
  )
})

describe('bundlers', () => {
  it('are two at most, and those that wait can be cancelled', async () => {
    const bundler = createBundler({ entry: join(folder.path, 'silent.mjs') })
    await using gate = await openGate({ powers: { bundler } })
    const cancel = new AbortController()
    const results = Array.from({ length: 6 }, () => gate.run({ file, policy: {}, signal: cancel.signal }))
    await until(() => bundlersOf(process.pid).node.length === 2)
    cancel.abort()
    expect((await Promise.all(results)).map(({ status }) => status)).toEqual(Array(6).fill('cancelled'))
    expect(bundlersOf(process.pid).node).toEqual([])
  })

  it('are not started for a tool that imports nothing', async () => {
    const bundler = { bundle: () => Promise.reject(new Error('asked')) }
    await using gate = await openGate({ powers: { bundler } })
    expect(await gate.run({ file: join(folder.path, 'none.ts'), policy: {} })).toMatchObject({ value: 1 })
  })

  it('inherit nothing of the host, and leave no descriptor', async () => {
    await using gate = await openGate()
    await gate.run({ file, policy: {} })
    const before = openDescriptors()
    const result = gate.run({ file, policy: {} })
    const [node = 0] = await holdBundler(process.pid)
    const environment = readFileSync(`/proc/${node}/environ`, 'utf8')
    const folderOfProcess = readlinkSync(`/proc/${node}/cwd`)
    process.kill(node, 'SIGCONT')
    expect((await result).value).toBe('object')
    expect(environment.split('\0').filter(Boolean).toSorted()).toEqual(['LANG=C', 'TZ=UTC'])
    expect(folderOfProcess).toBe(join(checkout, 'dist', 'children'))
    await until(() => openDescriptors() <= before)
  })
})
