import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TollgateError, type RunResult } from '../../src/index.ts'
import type { EventRow, JournalPort, ReceiptPort, RunPort, Store } from '../../src/stores/ports.ts'
import { openGate } from '../harness/gate.ts'
import { both, openGateOf, withSetting, type Replace } from '../run/gates.ts'
import { startHost } from '../run/other-host.ts'
import { digestOfPayment, PAY_ALL, PAY_POLICY, World } from '../run/payments.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h54-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a file of the state that may not grow any more', () => {
  it('refuses effects and runs with INTERNAL_STORE, and what was written verifies', async () => {
    const [state, world] = [join(folder, 'state'), new World(join(folder, 'world'))]
    // Each file may have 2 MB; Node gets an error for each write beyond, as on a full disk.
    const host = startHost('filling-host.ts', [state, join(folder, 'world')], 'ulimit -f 2000')
    const { output, code } = await host.ended
    const lines = output.split('\n').map((line) => JSON.parse(line) as Record<string, unknown> | string)
    const outcomes = lines.flatMap((line) => (typeof line === 'string' ? [] : Object.entries(line)))
    const paid = outcomes.filter(([n, outcome]) => outcome === Number(n)).length
    const refusals = new Set(
      outcomes.filter(([n, outcome]) => outcome !== Number(n)).map(([, outcome]) => outcome),
    )
    expect(paid).toBeGreaterThan(20)
    expect(refusals.size).toBeGreaterThan(0)
    for (const refusal of refusals) expect(refusal).toMatch(/^INTERNAL_STORE@/)
    expect(code).toBe(0)

    await using gate = await openGate({ state })
    expect(await gate.audit.verify()).toMatchObject({ intact: true })
    const intended = new Set((await gate.audit.read()).map(({ facts }) => facts['request_sha256']))
    // Nothing was paid without an intent.
    expect(world.paid.filter((n) => !intended.has(digestOfPayment(n)))).toEqual([])
    expect(world.paid.length).toBeGreaterThanOrEqual(paid)
  })
})

const WRITES = ['append', 'start', 'end', 'intend', 'settle']

/** A store whose medium can be made to fail. */
class Medium {
  isBroken = false

  /** Writes fail, reads go on, as on a full disk. */
  #guard<Port extends JournalPort | ReceiptPort | RunPort>(port: Port): Port {
    const entries = Object.entries(port).map(([name, method]) => [
      name,
      (...given: unknown[]): unknown => {
        if (this.isBroken && WRITES.includes(name))
          throw new TollgateError('INTERNAL_STORE', 'The state could not be written.')
        return (method as (...given: unknown[]) => unknown)(...given)
      },
    ])
    return Object.fromEntries(entries) as Port
  }

  readonly replace: Replace = (parts) => {
    const { setting } = parts
    const store: Store = {
      ...setting.store,
      journal: this.#guard(setting.store.journal),
      receipts: this.#guard(setting.store.receipts),
      runs: this.#guard(setting.store.runs),
    }
    // The buffer writes through the journal that it was opened with; flush and drain go through this one.
    const { buffer } = setting
    const drain: typeof buffer.drain = (write) =>
      buffer.drain((rows) => {
        if (this.isBroken) throw new TollgateError('INTERNAL_STORE', 'The state could not be written.')
        return write(rows)
      })
    const broken = (): TollgateError | undefined =>
      this.isBroken ? new TollgateError('INTERNAL_STORE', 'Broken.') : undefined
    return {
      ...parts,
      setting: {
        ...setting,
        store,
        buffer: {
          push: (row) => buffer.push(row),
          flush: (durability) => drain((rows) => store.journal.append(rows, durability)),
          drain,
          get failure() {
            return broken() ?? buffer.failure
          },
        },
      },
    }
  }
}

/** Takes every write for done, whatever the medium says. */
const blithe: Replace = withSetting(({ buffer }) => ({
  buffer: {
    ...buffer,
    failure: undefined,
    drain: <T>(write: (rows: readonly EventRow[]) => T): T => {
      try {
        return buffer.drain(write)
      } catch {
        return true as T
      }
    },
  },
}))

const pay = async (
  breakAt: (n: number) => boolean,
  weak = false,
): Promise<{ result: RunResult; next: RunResult; intact: boolean; paid: readonly number[] }> => {
  const medium = new Medium()
  const world = new World(join(folder, 'world'))
  const tool = world.tool({
    before: (n) => {
      medium.isBroken = breakAt(n)
    },
  })
  const replace = weak ? both(medium.replace, blithe) : medium.replace
  await using gate = await openGateOf({ tools: [tool] }, replace)
  const result = await gate.run({ code: PAY_ALL, input: { from: 0, to: 4 }, policy: PAY_POLICY })
  medium.isBroken = false
  const next = await gate.run({ code: PAY_ALL, input: { from: 10, to: 11 }, policy: PAY_POLICY })
  const { intact } = await gate.audit.verify()
  return { result, next, intact, paid: world.paid }
}

describe('a store that fails in the middle of a run', () => {
  it('lets no effect happen that it cannot record, and the run ends with INTERNAL_STORE', async () => {
    const { result, next, intact, paid } = await pay((n) => n >= 1 && n < 10)
    expect(result.status).toBe('failed')
    expect(result.error).toMatchObject({ code: 'INTERNAL_STORE', gate: 'record' })
    expect(paid).toEqual([0, 1, 10])
    expect(intact).toBe(true)
    expect(next.value).toEqual({ 10: 10 })
  })

  it('refuses a run that it cannot record', async () => {
    const medium = new Medium()
    const world = new World(join(folder, 'world'))
    await using gate = await openGateOf({ tools: [world.tool()] }, medium.replace)
    medium.isBroken = true
    const result = await gate.run({ code: PAY_ALL, input: { from: 0, to: 1 }, policy: PAY_POLICY })
    const keyed = await gate.run({
      code: PAY_ALL,
      input: { from: 0, to: 1 },
      policy: PAY_POLICY,
      idempotencyKey: 'k',
    })
    medium.isBroken = false
    for (const { error } of [result, keyed])
      expect(error).toMatchObject({ code: 'INTERNAL_STORE', gate: 'record' })
    expect(world.paid).toEqual([])
    expect(await gate.audit.read()).toEqual([])
  })

  it('negative control: pays on where the intent need not be written', async () => {
    const { paid } = await pay((n) => n >= 1 && n < 10, true)
    expect(paid).toEqual([0, 1, 2, 3, 10])
  })
})

describe('a state folder that cannot be used', () => {
  it('is refused at once', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, 'not a folder')
    await expect(openGate({ state: file })).rejects.toMatchObject({ code: 'CONFIG_STATE_UNUSABLE' })
    writeFileSync(
      join(folder, 'tollgate.db'),
      'not a database at all, and longer than its header would be'.repeat(10),
    )
    await expect(openGate({ state: folder })).rejects.toMatchObject({ code: 'CONFIG_STATE_UNUSABLE' })
  })

  it('is refused for the audit log as well', async () => {
    const auditLog = join(folder, 'folder')
    await using gate = await openGate({ state: auditLog })
    expect(await gate.audit.read()).toEqual([])
    await expect(openGate({ auditLog })).rejects.toMatchObject({ code: 'CONFIG_STATE_UNUSABLE' })
  })
})
