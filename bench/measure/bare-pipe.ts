/** What two processes cost that pass 64 bytes back and forth, with nothing else: the floor under every call across a process. */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BYTES = 64
const ECHO = `
const { openSync, readSync, writeSync } = require('node:fs')
const input = openSync(process.argv[1], 'r')
const output = openSync(process.argv[2], 'w')
const bytes = Buffer.alloc(${BYTES})
for (let size = 1; size > 0; ) {
  size = readSync(input, bytes)
  if (size > 0) writeSync(output, bytes, 0, size)
}`

/** Milliseconds of each round trip; both sides block. Throws where there are no named pipes. */
export const bareTurns = async (turns: number): Promise<number[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-pipe-'))
  const [there, back] = [join(folder, 'there'), join(folder, 'back')]
  try {
    execFileSync('mkfifo', [there, back], { stdio: 'ignore' })
    const child = spawn(process.execPath, ['--eval', ECHO, there, back], { stdio: 'ignore' })
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    const output = openSync(there, 'w')
    const input = openSync(back, 'r')
    const bytes = Buffer.alloc(BYTES)
    const taken: number[] = []
    for (let n = 0; n < turns; n += 1) {
      const startMs = performance.now()
      writeSync(output, bytes)
      readSync(input, bytes)
      taken.push(performance.now() - startMs)
    }
    closeSync(output)
    closeSync(input)
    await exited
    return taken.slice(Math.floor(turns / 10))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
