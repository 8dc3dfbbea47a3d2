import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { CageFrame, StartFrame } from '../../runtime/abi/frames.ts'
import { launchCage, type Cage, type CageExit } from '../../src/cage/launch.ts'
import { root } from '../conventions/project.ts'

/** Whether the process runs; one that ended but was not waited for does not. */
const isAlive = (pid: number): boolean => {
  const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : 'State:\tX'
  return !/State:\t[XZ]/.test(status)
}

const cages: Cage[] = []
afterEach(() => {
  for (const cage of cages.splice(0)) cage.kill()
})

type Seen = { frame: CageFrame; segments: readonly string[] }

/** A cage whose frames are gathered; `until` waits for one. */
const launch = (entry?: string) => {
  const cage = launchCage(entry === undefined ? {} : { entry })
  cages.push(cage)
  const seen: Seen[] = []
  const ended = Promise.withResolvers<CageExit>()
  let notify = (): void => undefined
  cage.onFrame = (frame, segments) => {
    seen.push({ frame, segments })
    notify()
  }
  cage.onExit = ended.resolve
  const until = async (matches: (one: Seen) => boolean): Promise<Seen> => {
    for (;;) {
      const found = seen.find(matches)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        notify = resolve
      })
    }
  }
  return { cage, seen, until, exit: ended.promise }
}

const start = (slot: number, facts: Partial<StartFrame> = {}): StartFrame => ({
  t: 'start',
  slot,
  seed: [1, 2, 3, 4],
  atMs: 1_000,
  memoryMb: 64,
  segmentMs: 1_000,
  logBytesMax: 1_000,
  ...facts,
})
const MANIFEST = JSON.stringify({ stubs: [{ path: ['tools', 'echo'], op: 'tools.echo' }], branches: [] })
const isDone =
  (slot: number) =>
  ({ frame }: Seen): boolean =>
    frame.t === 'done' && frame.slot === slot
const isCall =
  (slot: number) =>
  ({ frame }: Seen): boolean =>
    frame.t === 'call' && frame.slot === slot

describe('a cage', () => {
  it('answers hello with ready, in its version', async () => {
    const { cage, until } = launch()
    cage.send({ t: 'hello', v: 1, memoryMb: 64 })
    expect((await until(({ frame }) => frame.t === 'ready')).frame).toEqual({ t: 'ready', v: 1 })
  })

  it('takes a start without waiting for ready, with or without a spare, of the same or another size', async () => {
    for (const memoryMb of [undefined, 64, 32]) {
      const { cage, until } = launch()
      cage.send({ t: 'hello', v: 1, ...(memoryMb !== undefined && { memoryMb }) })
      cage.send(start(7), [MANIFEST, 'export default (input) => input + 1', '41'])
      expect((await until(isDone(7))).segments).toEqual(['42'])
    }
  })

  it('hosts several runs, each with calls of its own', async () => {
    const { cage, until } = launch()
    cage.send({ t: 'hello', v: 1 })
    const program =
      'export default async (input, { tools }) => [input, await tools.echo(input), typeof globalThis.mark, (globalThis.mark = 1)]'
    for (const slot of [1, 2, 3]) cage.send(start(slot), [MANIFEST, program, String(slot)])
    for (const slot of [1, 2, 3]) await until(isCall(slot))
    for (const slot of [3, 1, 2])
      cage.send({ t: 'deliver', slot, seq: 1, ok: true, atMs: 1_000 }, [`"answer ${slot}"`])
    for (const slot of [1, 2, 3])
      expect(JSON.parse((await until(isDone(slot))).segments[0] ?? '')).toEqual([
        slot,
        `answer ${slot}`,
        'undefined',
        1,
      ])
  })

  it('drops a run that is stopped, says so once, and ignores what still comes for it', async () => {
    const { cage, seen, until } = launch()
    cage.send({ t: 'hello', v: 1 })
    cage.send(start(1), [
      MANIFEST,
      'export default async (input, { tools }) => { await tools.echo(1); return 2 }',
      'null',
    ])
    await until(isCall(1))
    cage.send({ t: 'stop', slot: 1 })
    cage.send({ t: 'stop', slot: 99 })
    cage.send({ t: 'deliver', slot: 1, seq: 1, ok: true, atMs: 1_000 }, ['1'])
    cage.send(start(2), [MANIFEST, 'export default () => 3', 'null'])
    await until(isDone(2))
    expect(seen.filter(isDone(1)).map(({ frame }) => frame)).toMatchObject([{ ok: false, fault: 'stopped' }])
  })

  it('ignores a delivery that no call waits for, and a second one', async () => {
    const { cage, until } = launch()
    cage.send({ t: 'hello', v: 1 })
    cage.send(start(1), [
      MANIFEST,
      'export default async (input, { tools }) => [await tools.echo(1), await tools.echo(2)]',
      'null',
    ])
    await until(isCall(1))
    const deliver = (seq: number, text: string): void =>
      cage.send({ t: 'deliver', slot: 1, seq, ok: true, atMs: 1_000 }, [text])
    deliver(9, '"nobody"')
    deliver(1, '"one"')
    deliver(1, '"again"')
    deliver(2, '"two"')
    expect((await until(isDone(1))).segments).toEqual(['["one","two"]'])
  })

  it('carries megabytes each way', async () => {
    const { cage, until } = launch()
    cage.send({ t: 'hello', v: 1 })
    const text = 'ü'.repeat(1_500_000)
    cage.send(start(1, { memoryMb: 256 }), [
      MANIFEST,
      'export default async (input, { tools }) => (await tools.echo(input)) + input',
      JSON.stringify(text),
    ])
    const { segments } = await until(isCall(1))
    expect(segments[0]).toBe(JSON.stringify(text))
    cage.send({ t: 'deliver', slot: 1, seq: 1, ok: true, atMs: 1_000 }, [JSON.stringify(text)])
    expect((await until(isDone(1))).segments[0]?.length).toBe(2 * text.length + 2)
  })

  it('keeps a flooding guest waiting while the host does not read', async () => {
    const { cage, seen, until } = launch()
    cage.send({ t: 'hello', v: 1 })
    cage.send(start(1, { logBytesMax: 2 ** 30, segmentMs: 20_000 }), [
      MANIFEST,
      'export default () => { for (let i = 0; i < 5_000; i += 1) console.log("x".repeat(8_000)) }',
      'null',
    ])
    const busyUntilMs = performance.now() + 400
    while (performance.now() < busyUntilMs);
    expect(seen.length).toBe(0)
    await until(isDone(1))
    expect(seen.length).toBeGreaterThan(5_000)
  })
})

describe('a cage ends', () => {
  it('when its host is killed, with a run open', async () => {
    const program = 'export default async (input, { tools }) => { await tools.echo(1) }'
    const frame = JSON.stringify(start(1))
    const host = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { launchCage } from ${JSON.stringify(join(root, 'src', 'cage', 'launch.ts'))}
      const cage = launchCage()
      cage.onFrame = ({ t }) => { if (t === 'call') console.log(cage.pid) }
      cage.send({ t: 'hello', v: 1 })
      cage.send(${frame}, [${JSON.stringify(MANIFEST)}, ${JSON.stringify(program)}, 'null'])
      setInterval(() => undefined, 1_000)`,
    ])
    const [text] = (await once(host.stdout, 'data')) as [Buffer]
    const pid = Number(text.toString())
    expect(isAlive(pid)).toBe(true)
    host.kill('SIGKILL')
    for (let i = 0; i < 100 && isAlive(pid); i += 1) await sleep(20)
    expect(isAlive(pid)).toBe(false)
  })

  it('when the host kills it while guest code runs', async () => {
    const { cage, exit } = launch()
    cage.send({ t: 'hello', v: 1 })
    cage.send(start(1, { segmentMs: 60_000 }), [MANIFEST, 'export default () => { for (;;); }', 'null'])
    await sleep(150)
    cage.kill()
    expect(await exit).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('with a reason on its standard error when the host sends what is no frame', async () => {
    const { cage, until, exit } = launch()
    cage.send({ t: 'hello', v: 1 })
    await until(({ frame }) => frame.t === 'ready')
    cage.send(start(1), ['{', 'export default () => 1', 'null'])
    expect(await exit).toMatchObject({ signal: 'SIGKILL' })
    expect(cage.stderrTail()).toContain('tollgate cage: ')
  })
})
