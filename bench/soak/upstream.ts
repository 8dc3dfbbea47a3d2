/** Starts and ends the process at the other side of HTTP calls. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Upstream extends AsyncDisposable {
  readonly pid: number
  readonly origin: string
}

/** Starts it, and waits for its port. */
export const openUpstream = async (): Promise<Upstream> => {
  const entry = fileURLToPath(import.meta.resolve('./upstream-process.ts'))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
  })
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()))
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the upstream ended at once')))
  })
  return {
    pid: child.pid ?? 0,
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}
