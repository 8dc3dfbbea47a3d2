import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditRecord, AuditVerdict, RunResult } from '../../../src/index.ts'
import { openFolder, startTollgate, tollgate, type Ended, type Folder } from '../../harness/command-line.ts'
import { toolsModule } from './host-tools-module.ts'

const CODE = 'const out = []; for (const word of input) out.push(await tools.look_up({ word })); return out'
const POLICY = 'name: reader\npermissions: { tools: { look_up: {} } }\n'

let folder: Folder
/** Ids of the runs of the state, oldest first. Each has five records: its start, three calls and its end. */
let runs: string[]
const LAST = 4

const start = (...args: string[]): Promise<Ended> => tollgate(args, { cwd: folder.path })
const runTool = (state: string): Promise<Ended> =>
  // prettier-ignore
  start('run', '--code', CODE, '-i', '["a","b","c"]', '-p', 'policy.yaml', '--tools', toolsModule, '--json', '--state', state)

beforeAll(async () => {
  folder = openFolder({ 'policy.yaml': POLICY })
  runs = []
  for (const _ of [1, 2, 3]) runs.push((JSON.parse((await runTool('state')).stdout) as RunResult).runId)
})
afterAll(() => folder[Symbol.dispose]())

let copies = 0
/** A copy of the state, changed by `change`; its name, for --state. */
const changed = (change: (database: DatabaseSync) => void): string => {
  const name = copyState()
  const database = new DatabaseSync(join(folder.path, name, 'tollgate.db'))
  change(database)
  database.close()
  return name
}

const copyState = (): string => {
  copies += 1
  const name = `copy-${copies}`
  mkdirSync(join(folder.path, name))
  copyFileSync(join(folder.path, 'state', 'tollgate.db'), join(folder.path, name, 'tollgate.db'))
  return name
}

const verify = async (state: string): Promise<{ exit: number | null; verdict: AuditVerdict }> => {
  const { exit, stdout } = await start('audit', 'verify', '--json', '--state', state)
  return { exit, verdict: JSON.parse(stdout) as AuditVerdict }
}

describe('audit verify', () => {
  test('says that a state is intact, and counts', async () => {
    const { exit, verdict } = await verify('state')
    expect(exit).toBe(0)
    expect(verdict).toMatchObject({ intact: true, runs: 3, records: 15 })
    const { stdout } = await start('audit', 'verify', '--state', 'state')
    expect(stdout).toMatch(/^✔ intact {2}15 records of 3 runs\nhead [0-9a-f]{64}\n$/)
  })

  test.each([0, 1, 2, 3, LAST])(
    'names record %d when one byte of it is changed in the file',
    async (position) => {
      const state = copyState()
      const file = join(folder.path, state, 'tollgate.db')
      const bytes = readFileSync(file)
      const record = `{"runId":"${runs[1] ?? ''}","n":${position},"at":"`
      const places = [...bytes.toString('latin1').matchAll(new RegExp(RegExp.escape(record), 'g'))]
      expect(places.length).toBeGreaterThan(0)
      // The first digit of the year. Where SQLite moved the record, a copy is left in its old place.
      for (const { index } of places) bytes[index + record.length] = 0x33
      writeFileSync(file, bytes)
      const { exit, verdict } = await verify(state)
      expect(exit).toBe(9)
      expect(verdict).toMatchObject({ intact: false, problem: { runId: runs[1], position } })
      const { stdout } = await start('audit', 'verify', '--state', state)
      expect(stdout).toContain(`✖ broken at position ${position} of ${runs[1] ?? ''}`)
      expect(stdout).toContain(`record ${position} of run ${runs[1] ?? ''} was changed`)
    },
  )

  test.each([0, 1, 3, LAST])('names record %d when it was removed', async (position) => {
    const state = changed((database) => {
      database.prepare('DELETE FROM events WHERE run_id = ? AND n = ?').run(runs[1] ?? '', position)
    })
    const { exit, verdict } = await verify(state)
    expect(exit).toBe(9)
    expect(verdict).toMatchObject({ intact: false, problem: { runId: runs[1], position } })
    expect(JSON.stringify(verdict)).toContain(`record ${position} of run ${runs[1] ?? ''} is missing`)
  })

  test.each([
    ['every record of a run is removed', 'DELETE FROM events WHERE run_id = ?'],
    [
      'a journal event behind a record is changed',
      `UPDATE events SET event = replace(event, '"a"', '"z"') WHERE run_id = ? AND n = 1`,
    ],
    ['a link of the state-wide chain is removed', `DELETE FROM chain WHERE run_id = ? AND kind = 'end'`],
    [
      'a link of the state-wide chain is changed',
      `UPDATE chain SET records = records - 1 WHERE run_id = ? AND kind = 'end'`,
    ],
    ['a record is moved to another run', `UPDATE events SET n = 9 WHERE run_id = ? AND n = 2`],
  ])('finds that %s', async (_, sql) => {
    const state = changed((database) => {
      database.prepare(sql).run(runs[1] ?? '')
    })
    const { exit, verdict } = await verify(state)
    expect([exit, verdict.intact]).toEqual([9, false])
  })

  test('finds a run that was removed with its links, by the gap that they leave', async () => {
    const state = changed((database) => {
      for (const table of ['events', 'chain', 'runs'])
        database.prepare(`DELETE FROM ${table} WHERE run_id = ?`).run(runs[1] ?? '')
    })
    const { exit, verdict } = await verify(state)
    expect(exit).toBe(9)
    expect(verdict).toMatchObject({
      intact: false,
      problem: { position: 2 },
    })
  })

  test('finds a record that was rewritten with all its hashes, by the head that the state-wide chain holds', async () => {
    const state = changed((database) => {
      database.prepare('DELETE FROM events WHERE run_id = ?').run(runs[1] ?? '')
      database
        .prepare(
          'INSERT INTO events (run_id, n, event, record, hash) SELECT ?, n, event, record, hash FROM events WHERE run_id = ?',
        )
        .run(runs[1] ?? '', runs[0] ?? '')
    })
    const { exit, verdict } = await verify(state)
    expect(exit).toBe(9)
    expect(verdict).toMatchObject({ intact: false, problem: { runId: runs[1] } })
  })
})

describe('audit', () => {
  test('prints the records of one run, with verdicts', async () => {
    const { exit, stdout } = await start('audit', '--run', runs[2] ?? '', '--state', 'state')
    const lines = stdout.trimEnd().split('\n')
    expect([exit, lines.length]).toEqual([0, 6])
    expect(lines[0]).toContain(runs[2])
    expect(lines[1]).toMatch(/^ {2}#0 .* run\.started .*policy_name=reader/)
    expect(lines[2]).toMatch(/^ {2}#1 .* call +allow tools\.look_up look_up/)
    expect(lines[5]).toMatch(/^ {2}#4 .* run\.ended +done/)
  })

  test('prints the last records of all runs, each under its run', async () => {
    const { stdout } = await start('audit', '--limit', '6', '--state', 'state')
    expect(stdout.match(/^run_\S+/gm)).toEqual([runs[1], runs[2]])
    expect(stdout.match(/^ {2}#\d/gm)).toHaveLength(6)
  })

  test('a run that is not there is an error, not silence', async () => {
    const { exit, stderr } = await start('audit', '--run', 'run_nobody', '--state', 'state')
    expect([exit, stderr]).toEqual([2, expect.stringContaining('There is no run run_nobody')])
  })

  test('a record that was made unreadable is no defect of Tollgate', async () => {
    const state = changed((database) => {
      database
        .prepare(`UPDATE events SET record = substr(record, 2) WHERE run_id = ? AND n = 1`)
        .run(runs[0] ?? '')
    })
    expect((await verify(state)).exit).toBe(9)
    const { exit, stderr } = await start('audit', '--state', state)
    expect([exit, stderr]).toEqual([2, expect.stringContaining('tollgate audit verify')])
  })
})

describe('audit --follow', () => {
  const records = (stdout: string): AuditRecord[] => JSON.parse(stdout) as AuditRecord[]

  test('goes on with what other processes write, until SIGINT; all of it is one JSON document', async () => {
    await runTool('followed')
    const following = startTollgate(['audit', '--follow', '--json', '--limit', '1', '--state', 'followed'], {
      cwd: folder.path,
    })
    await following.until(/run\.ended/)
    const { runId } = JSON.parse((await runTool('followed')).stdout) as RunResult
    await following.until(new RegExp(`${runId}.*run\\.ended`))
    following.kill('SIGINT')
    const { exit, stdout } = await following.ended
    expect(exit).toBe(130)
    expect(records(stdout).map(({ event }) => event)).toEqual([
      'run.ended',
      'run.started',
      'call',
      'call',
      'call',
      'run.ended',
    ])
    expect(
      new Set(
        records(stdout)
          .slice(1)
          .map((record) => record.runId),
      ),
    ).toEqual(new Set([runId]))
  })

  test('misses no record of a burst', async () => {
    const burst = 'for (let n = 0; n < 600; n++) await tools.look_up({ word: "x" })'
    folder.write({
      'burst.yaml': 'permissions: { tools: { look_up: {} } }\nlimits: { max_tool_calls: 1000 }\n',
    })
    await runTool('burst')
    const following = startTollgate(['audit', '--follow', '--json', '--limit', '1', '--state', 'burst'], {
      cwd: folder.path,
    })
    await following.until(/run\.ended/)
    const args = [
      'run',
      '--code',
      burst,
      '-p',
      'burst.yaml',
      '--tools',
      toolsModule,
      '--json',
      '--state',
      'burst',
    ]
    const { stdout: done } = await start(...args)
    const { runId, usage } = JSON.parse(done) as RunResult
    expect(usage.calls).toBe(600)
    await following.until(new RegExp(`${runId}.*run\\.ended`))
    following.kill('SIGTERM')
    const { stdout } = await following.ended
    const own = records(stdout).filter((record) => record.runId === runId)
    expect(own.map(({ n }) => n)).toEqual(Array.from({ length: 602 }, (_, n) => n))
  })

  test('of a state without records is an empty document', async () => {
    folder.write({ 'empty/.keep': '' })
    const following = startTollgate(['audit', '--follow', '--json', '--state', 'empty'], { cwd: folder.path })
    await following.until(/\[/)
    following.kill('SIGINT')
    const { exit, stdout } = await following.ended
    expect([exit, records(stdout)]).toEqual([130, []])
  })
})
