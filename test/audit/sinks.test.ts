import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AuditRecord, RunResult } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from '../run/mail.ts'
import { startHost } from '../run/other-host.ts'
import { openDescriptors } from '../run/processes.ts'
import { until } from '../run/until.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-log-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

type Line = Omit<AuditRecord, 'prev'> & { readonly level: string }
const linesOf = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)

/** Sends two mails with a log at `path`; the records as the audit has them. */
const logTo = async (
  path: string,
): Promise<{ records: readonly AuditRecord[]; results: readonly RunResult[] }> => {
  await using gate = await openGate({
    state: join(folder, 'state'),
    auditLog: path,
    tools: [new Outbox().tool],
    approve: () => true,
  })
  const options = { code: SEND_ONE, input: MESSAGE, policy: mailPolicy() }
  const results = [await gate.run(options), await gate.run(options)]
  return { records: await gate.audit.read(), results }
}

const without = (record: object, key: string): object =>
  Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))

// What the process opens once and keeps is open before anything is counted.
beforeAll(async () => (await openGate()).close())

describe('an audit log', () => {
  it('has each record on a line of its own, as it was kept, in the order in which it was kept', async () => {
    const path = join(folder, 'logs', 'audit.log')
    const { records } = await logTo(path)
    const lines = linesOf(path)
    expect(lines.map((line) => without(line, 'level'))).toEqual(
      records.map((record) => without(record, 'prev')),
    )
    expect(new Set(lines.map(({ level }) => level))).toEqual(new Set(['info']))
    expect(lines.map(({ event }) => event)).toContain('call.intended')
  })

  it('is appended to, never cut', async () => {
    const path = join(folder, 'audit.log')
    writeFileSync(path, '{"from":"before"}\n')
    const { records } = await logTo(path)
    await logTo(path)
    expect(linesOf(path)[0]).toEqual({ from: 'before' })
    expect(linesOf(path)).toHaveLength(1 + 2 * records.length)
  })

  it('that fails later warns once; the records are kept and the runs go on', async () => {
    const warnings: string[] = []
    const onWarning = ({ name, message }: Error): void =>
      void (name === 'TollgateWarning' && warnings.push(message))
    process.on('warning', onWarning)
    // Everything written to this device fails as on a full disk.
    const { records, results } = await logTo('/dev/full')
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(results.map(({ value }) => value)).toEqual(['mail-1', 'mail-2'])
    expect(records.length).toBeGreaterThan(10)
    expect(warnings).toEqual([expect.stringContaining('audit log cannot be written')])
  })

  it('that cannot be opened is refused, and leaves nothing open', async () => {
    const before = openDescriptors()
    const file = join(folder, 'file')
    writeFileSync(file, '')
    for (const auditLog of [folder, join(file, 'below', 'audit.log')])
      await expect(openGate({ auditLog })).rejects.toMatchObject({ code: 'CONFIG_STATE_UNUSABLE' })
    await expect(openGate({ auditLog: join(folder, 'log'), state: file })).rejects.toMatchObject({
      code: 'CONFIG_STATE_UNUSABLE',
    })
    await until(() => openDescriptors() <= before)
    expect(openDescriptors()).toBe(before)
  })

  it('does not keep a host from ending, also when it could not be opened', async () => {
    const { code, errors } = await startHost('ending-host.ts', [join(folder, 'state'), 'closes', folder])
      .ended
    expect([code, errors]).toEqual([0, ''])
  })

  it('is read by its owner alone', async () => {
    const path = join(folder, 'audit.log')
    await logTo(path)
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
  })

  it('leaves no descriptor open when it is closed', async () => {
    const before = openDescriptors()
    for (let n = 0; n < 5; n += 1) await (await openGate({ auditLog: join(folder, `log-${n}`) })).close()
    expect(openDescriptors()).toBe(before)
  })
})
