/**
 * The process of one database of one run. It gets one question after the other over an inherited pipe and answers each; it ends when
 * the pipe does. Its host takes it for taken over: it holds no secret, and every byte that it sends is judged.
 */
import { Socket } from 'node:net'
import { encodeFrame, FrameReader, LAST, MORE, QUESTION_BYTES_MAX } from '../frames.ts'
import type { Question } from '../wire.ts'
import { OpenedDatabase } from './opened-database.ts'
import { refusedAnswer } from './refused.ts'

const PORT_DESCRIPTOR = 3

const port = new Socket({ fd: PORT_DESCRIPTOR, readable: true, writable: true })
const reader = new FrameReader(QUESTION_BYTES_MAX)
let opened: OpenedDatabase | undefined

function answer(question: Question): string {
  try {
    if (question.ask === 'open') {
      opened = new OpenedDatabase(question)
      return JSON.stringify({ ok: true, tables: opened.tables })
    }
    if (opened === undefined) throw new Error('nothing is open')
    if (question.ask === 'query')
      return opened.query(question, (part) => void port.write(encodeFrame(MORE + part)))
    return opened.write(question)
  } catch (error) {
    return JSON.stringify(refusedAnswer(error))
  }
}

port.on('data', (bytes: Buffer) => {
  for (const text of reader.push(bytes) ?? [])
    port.write(encodeFrame(LAST + answer(JSON.parse(text) as Question)))
})
// What is not committed is rolled back here, so that nobody finds a journal to roll back from.
port.on('end', () => {
  opened?.close()
  process.exit(0)
})
port.on('error', () => process.exit(0))
