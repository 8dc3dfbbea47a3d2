import { describe, expect, it } from 'vitest'
import { recordHash } from '../../src/audit/chain.ts'
import { createRedactor } from '../../src/audit/redact.ts'
import { sha256 } from '../../src/digest/sha256.ts'
import { openJournal, type Journal } from '../../src/journal/journal.ts'
import { readRecording } from '../../src/journal/replay.ts'
import type { EventRow } from '../../src/stores/ports.ts'

const SECRET = 'sk-live-4f9a1c7be2d84c50'

const open = (): { journal: Journal; rows: EventRow[] } => {
  const rows: EventRow[] = []
  const buffer = {
    push: (row: EventRow) => void rows.push(row),
    flush: () => undefined,
    drain: () => undefined as never,
    failure: undefined,
  }
  const redactor = createRedactor(() => [{ name: 'company', value: SECRET }])
  return { rows, journal: openJournal({ runId: 'run_1', buffer, redactor, now: () => 1_700_000_000_000 }) }
}

describe('a journal', () => {
  it('numbers its events, chains their records and covers the event by a digest', () => {
    const { journal, rows } = open()
    expect([journal.head, journal.records]).toEqual(['', 0])
    journal.append('run.started', '{"input":1}', { principal: 'alice' })
    journal.append('call', '{"seq":1}', { seq: 1, code: undefined })
    let previous = ''
    for (const [n, row] of rows.entries()) {
      const record = JSON.parse(row.record) as {
        n: number
        runId: string
        at: string
        facts: Record<string, unknown>
      }
      expect([row.n, record.n, record.runId, record.at]).toEqual([n, n, 'run_1', '2023-11-14T22:13:20.000Z'])
      expect(row.hash).toBe(recordHash(previous, row.record))
      expect(record.facts['event_sha256']).toBe(sha256(row.event))
      previous = row.hash
    }
    expect([journal.head, journal.records]).toEqual([previous, 2])
    expect(Object.keys((JSON.parse(rows[1]?.record ?? '') as { facts: object }).facts)).toEqual([
      'seq',
      'event_sha256',
    ])
  })

  it('salts each run, so that a digest does not give a short event away', () => {
    const [one, two] = [open(), open()]
    for (const { journal } of [one, two]) journal.append('call', '{"seq":1}', {})
    expect(one.rows[0]?.event).not.toBe(two.rows[0]?.event)
    expect(one.rows[0]?.record).not.toContain((JSON.parse(one.rows[0]?.event ?? '') as { salt: string }).salt)
  })

  it('holds no secret, neither in the event nor in the record', () => {
    const { journal, rows } = open()
    journal.append('call', JSON.stringify({ args: { key: SECRET } }), { subject: `GET /?key=${SECRET}` })
    expect(JSON.stringify(rows)).not.toContain(SECRET)
    expect(JSON.parse(rows[0]?.event ?? '')).toMatchObject({
      kind: 'call',
      data: { args: { key: '[redacted:company]' } },
    })
  })

  it('composes without writing, for the first and the last event', () => {
    const { journal, rows } = open()
    const first = journal.compose('run.started', '{}', {})
    expect([rows.length, first.n, journal.head]).toEqual([0, 0, first.hash])
  })
})

describe('a recording', () => {
  it('gives the calls of a run by seq, refusals included, with arguments and outcomes as they were', () => {
    const { journal, rows } = open()
    journal.append('run.started', '{}', {})
    journal.append(
      'call',
      '{"seq":1,"op":"http.request","args":{"url":"x"},"ok":true,"outcome":{"status":200}}',
      {},
    )
    journal.append('call.intended', '{"seq":2,"op":"tools.pay"}', {})
    journal.append(
      'call',
      '{"seq":2,"op":"tools.pay","handle":1,"args":{"n":1},"ok":false,"outcome":{"code":"LIMIT_COST"}}',
      {},
    )
    const recording = readRecording(rows.map(({ event }) => event))
    expect(recording.call(1)).toEqual({
      seq: 1,
      op: 'http.request',
      handle: 0,
      args: '{"url":"x"}',
      ok: true,
      outcome: '{"status":200}',
    })
    expect(recording.call(2)).toMatchObject({ handle: 1, ok: false, outcome: '{"code":"LIMIT_COST"}' })
    expect(recording.call(3)).toBeUndefined()
  })
})
