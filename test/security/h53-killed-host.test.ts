import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditRecord, AuditVerdict } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'
import { startHost, type Ended } from '../run/other-host.ts'
import { digestOfPayment, World } from '../run/payments.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h53-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const state = (): string => join(folder, 'state')
const worldPath = (): string => join(folder, 'world')
const startPaying = (from: number, to: number, ...ways: string[]) =>
  startHost('paying-host.ts', [state(), worldPath(), String(from), String(to), ...ways])

const lastLineOf = ({ output }: Ended): Record<string, unknown> =>
  JSON.parse(output.split('\n').at(-1) ?? '') as Record<string, unknown>

const readAudit = async (): Promise<{ records: readonly AuditRecord[]; verdict: AuditVerdict }> => {
  await using gate = await openGate({ state: state() })
  return { records: await gate.audit.read(), verdict: await gate.audit.verify() }
}

/** Every payment that happened has an intent, nothing happened twice, and every chain is whole. */
const expectAccounted = async (): Promise<void> => {
  const { records, verdict } = await readAudit()
  const intended = new Set(
    records.filter(({ event }) => event === 'call.intended').map(({ facts }) => facts['request_sha256']),
  )
  const { paid } = new World(worldPath())
  expect(verdict).toMatchObject({ intact: true })
  expect(paid.filter((n) => !intended.has(digestOfPayment(n)))).toEqual([])
  expect(new Set(paid).size).toBe(paid.length)
}

describe('a host that is killed at a random point', () => {
  it(
    'has an intent for each effect and whole chains, and no later host repeats one',
    { timeout: 120_000 },
    async () => {
      for (let kill = 0; kill < 8; kill += 1) {
        const host = startPaying(0, 10_000)
        expect(await host.line()).toBe('paying')
        await new Promise((resolve) => {
          setTimeout(resolve, Math.random() * 120)
        })
        host.process.kill('SIGKILL')
        expect((await host.ended).signal).toBe('SIGKILL')
        await expectAccounted()
      }
      const { paid } = new World(worldPath())
      expect(paid.length).toBeGreaterThan(0)
      // A host that is left alone goes on where they were: what may have happened is told apart from what did.
      const last = startPaying(0, Math.max(...paid) + 2)
      const outcomes = lastLineOf(await last.ended)
      for (const [n, outcome] of Object.entries(outcomes))
        expect([Number(n), 'IDEMPOTENCY_UNCERTAIN@recall']).toContain(outcome)
      await expectAccounted()
    },
  )
})

describe('a host that dies in the middle of an effect', () => {
  it.each([
    ['dies-after', [0, 1, 2, 3, 4]],
    ['dies-before', [0, 1, 3, 4]],
  ] as const)(
    '%s: the next one does not repeat it blindly, and goes on with the others',
    async (way, paidAtLast) => {
      await startPaying(0, 5, way).ended
      await expectAccounted()
      const outcomes = lastLineOf(await startPaying(0, 5).ended)
      expect(outcomes).toEqual({ 0: 0, 1: 1, 2: 'IDEMPOTENCY_UNCERTAIN@recall', 3: 3, 4: 4 })
      expect(new World(worldPath()).paid.toSorted((a, b) => a - b)).toEqual(paidAtLast)
      await expectAccounted()
    },
  )

  it('negative control: pays twice where intents are forgotten', async () => {
    await startPaying(0, 5, 'dies-after', 'careless').ended
    await startPaying(0, 5, 'careless').ended
    expect(new World(worldPath()).paid.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2, 3, 4])
    const { records } = await readAudit()
    expect(records.filter(({ event }) => event === 'call.intended').length).toBeLessThan(8)
  })
})
