import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'
import { startHost } from './other-host.ts'
import { descendants, openDescriptors } from './processes.ts'
import { until } from './until.ts'

const POLICY = { limits: { max_duration_seconds: 100 } }
const FOR_EVER = { code: 'await new Promise(() => undefined)', policy: POLICY }

describe('closing', () => {
  it('waits for the runs that go on', async () => {
    const release = Promise.withResolvers<null>()
    const begun = Promise.withResolvers<void>()
    const tool = defineTool({
      name: 'wait',
      description: 'Waits.',
      input: z.strictObject({}),
      output: z.null(),
      effect: 'read',
      perform: () => (begun.resolve(), release.promise),
    })
    const gate = await openGate({ tools: [tool] })
    const running = gate.run({
      code: 'await tools.wait({}); return "done"',
      policy: { ...POLICY, permissions: { tools: { wait: {} } } },
    })
    await begun.promise
    let isClosed = false
    const closing = gate.close().then(() => (isClosed = true))
    await new Promise(setImmediate)
    expect(isClosed).toBe(false)
    release.resolve(null)
    expect((await running).value).toBe('done')
    await closing
  })

  it('by force cancels them at once, also when a gentle close waits already', async () => {
    const gate = await openGate({ concurrentRunsMax: 2 })
    const running = Array.from({ length: 4 }, () => gate.run(FOR_EVER))
    await until(async () => (await gate.audit.read()).length >= 4)
    const gentle = gate.close()
    await gate.close({ force: true })
    await gentle
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual(Array(4).fill('cancelled'))
  })

  it('waits for a run whose options are still being read', async () => {
    const gate = await openGate()
    const running = gate.run({ code: 'return "in time"', policy: POLICY })
    const keyed = gate.run({ code: 'return "in time"', policy: POLICY, idempotencyKey: 'k' })
    await gate.close()
    expect([(await running).value, (await keyed).value]).toEqual(['in time', 'in time'])
  })

  it('twice is closing once', async () => {
    const gate = await openGate()
    await Promise.all([gate.close(), gate.close(), gate[Symbol.asyncDispose]()])
    await expect(gate.close({ force: true })).resolves.toBeUndefined()
  })

  it('ends every use: what comes later is CONFIG_USAGE', async () => {
    const gate = await openGate()
    await gate.close()
    const usage = { code: 'CONFIG_USAGE' }
    await expect(gate.run({ code: 'return 1', policy: POLICY })).rejects.toMatchObject(usage)
    await expect(gate.runs.get('run_1')).rejects.toMatchObject(usage)
    await expect(gate.runs.list()).rejects.toMatchObject(usage)
    await expect(gate.audit.read()).rejects.toMatchObject(usage)
    await expect(gate.audit.verify()).rejects.toMatchObject(usage)
  })
})

describe('after closing', () => {
  it('no process and no descriptor is left, whatever the runs did', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-close-'))
    const use = async (): Promise<void> => {
      await using gate = await openGate({
        state: folder,
        spareCages: 2,
        concurrentRunsMax: 3,
        auditLog: join(folder, 'audit.log'),
      })
      const limits = { max_duration_seconds: 0.3, max_memory_mb: 16 }
      await Promise.all(
        [
          'return 1',
          'for (;;);',
          'const a = []; for (;;) a.push(new Uint8Array(2 ** 20).fill(1))',
          'new Array(2 ** 32 - 1).indexOf(1)',
          'throw 1',
          'return (',
        ].map((code, n) => gate.run({ code, policy: { limits }, principal: `p${n}` })),
      )
    }
    await use()
    const before = { processes: descendants().length, descriptors: openDescriptors() }
    for (let n = 0; n < 3; n += 1) await use()
    expect({ processes: descendants().length, descriptors: openDescriptors() }).toEqual(before)
    rmSync(folder, { recursive: true })
  })

  it(
    'a host ends by itself, with code 0 and nothing on standard error, and so does one that does not close',
    { timeout: 60_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tollgate-close-'))
      for (const way of ['closes', 'forgets']) {
        const { code, output, errors } = await startHost('ending-host.ts', [join(folder, way), way]).ended
        expect([code, output, errors]).toEqual([0, '42', ''])
      }
      rmSync(folder, { recursive: true })
    },
  )

  it('a host that is killed takes its cages along, also one that computes', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-close-'))
    const host = startHost('ending-host.ts', [join(folder, 'state'), 'computes'])
    expect(await host.line()).toBe('computing')
    const cages = descendants(host.process.pid)
    expect(cages.length).toBeGreaterThan(0)
    host.process.kill('SIGKILL')
    await host.ended
    const alive = (): readonly number[] =>
      cages.filter((pid) => descendants(1).includes(pid) || descendants().includes(pid))
    await until(() => alive().length === 0)
    expect(alive()).toEqual([])
    rmSync(folder, { recursive: true })
  })
})
