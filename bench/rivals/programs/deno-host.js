/** Deno, one process for all runs: starts a worker without any permission for each, and passes messages on. */
import { readLines, writeLine } from './deno-lines.js'

const workers = new Map()
const program = new URL('deno-worker.js', import.meta.url).href

const start = (run) => {
  const worker = new Worker(program, { type: 'module', deno: { permissions: 'none' } })
  worker.onmessage = ({ data }) => writeLine({ run, message: data })
  worker.onerror = (event) => {
    event.preventDefault()
    writeLine({ run, message: { kind: 'failure', message: event.message } })
  }
  workers.set(run, worker)
  return worker
}

await readLines(({ run, message, end }) => {
  if (end !== true) return (workers.get(run) ?? start(run)).postMessage(message)
  workers.get(run)?.terminate()
  workers.delete(run)
})
