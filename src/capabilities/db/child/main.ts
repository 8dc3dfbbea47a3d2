/**
 * The process of one database of one run. It gets one question after the other over an inherited pipe and answers each; it ends when
 * the pipe does. Its host takes it for taken over: it holds no secret, and every byte that it sends is judged.
 */
import { readSync, writeSync } from 'node:fs'
import { encodeFrame, FrameReader, LAST, MORE, QUESTION_BYTES_MAX } from '../frames.ts'
import type { Question } from '../wire.ts'
import { OpenedDatabase } from './opened-database.ts'
import { refusedAnswer } from './refused.ts'

const PORT_DESCRIPTOR = 3
const CHUNK_BYTES = 64 * 1024

const reader = new FrameReader(QUESTION_BYTES_MAX)
let opened: OpenedDatabase | undefined

/**
 * Waits until the pipe has taken all of it. A statement gives no turn to an event loop: what a socket could not take at once would
 * wait for its end, and the host for all that time.
 */
function send(text: string): void {
  const frame = encodeFrame(text)
  for (let sent = 0; sent < frame.length;) sent += writeSync(PORT_DESCRIPTOR, frame, sent)
}

function answer(question: Question): string {
  try {
    if (question.ask === 'open') {
      opened = new OpenedDatabase(question)
      return JSON.stringify({ ok: true, tables: opened.tables })
    }
    if (opened === undefined) throw new Error('nothing is open')
    if (question.ask === 'query') return opened.query(question, (part) => send(MORE + part))
    return opened.write(question)
  } catch (error) {
    return JSON.stringify(refusedAnswer(error))
  }
}

function serve(): void {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let bytes = -1; (bytes = readSync(PORT_DESCRIPTOR, chunk)) > 0;)
    for (const text of reader.push(Buffer.from(chunk.subarray(0, bytes))) ?? [])
      send(LAST + answer(JSON.parse(text) as Question))
}

try {
  serve()
} finally {
  // What is not committed is rolled back here, so that nobody finds a journal to roll back from.
  opened?.close()
}
