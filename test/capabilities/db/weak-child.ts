/** A process of a database as it would be without authorizer, views and limits: it opens the file, and that is all. For negative controls. */
import { Socket } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { encodeFrame, FrameReader, LAST, QUESTION_BYTES_MAX } from '../../../src/capabilities/db/frames.ts'
import type { Question } from '../../../src/capabilities/db/wire.ts'

const port = new Socket({ fd: 3, readable: true, writable: true })
const reader = new FrameReader(QUESTION_BYTES_MAX)
let database: DatabaseSync | undefined

function answer(question: Question): unknown {
  if (question.ask === 'open') {
    const isWritable = question.tables.some(({ write }) => write.length > 0)
    // One that is asked by the next principal is as the last one left it.
    database ??= new DatabaseSync(question.file, { readOnly: !isWritable })
    if (isWritable && !database.isTransaction) database.exec('BEGIN')
    return { ok: true, tables: [] }
  }
  if (question.ask !== 'query' && question.ask !== 'execute') {
    if (database?.isTransaction === true) database.exec(question.ask === 'commit' ? 'COMMIT' : 'ROLLBACK')
    return { ok: true }
  }
  try {
    if (question.ask === 'execute') {
      database?.exec(question.sql)
      return { ok: true, changes: 1 }
    }
    const statement = database?.prepare(question.sql)
    const columns = statement?.columns().map(({ name }) => name) ?? []
    return { ok: true, columns, rows: (statement?.all() ?? []).map((row) => Object.values(row).map(String)) }
  } catch (error) {
    return { ok: false, refusal: 'sql', detail: (error as Error).message }
  }
}

port.on('data', (bytes: Buffer) => {
  for (const text of reader.push(bytes) ?? [])
    port.write(encodeFrame(LAST + JSON.stringify(answer(JSON.parse(text) as Question))))
})
port.on('end', () => process.exit(0))
port.on('error', () => process.exit(0))
