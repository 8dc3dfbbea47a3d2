/** Deno, one process for all runs: starts a worker without any permission for each, and passes messages on. */
import { createGuest } from './guest.mjs'
import { readLines, writeLine } from './deno-lines.mjs'

const workers = new Map()
// No file can be read here, so the program of the worker is its own address.
const text = `const receive = (${String(createGuest)})((message) => self.postMessage(message))
self.onmessage = ({ data }) => receive(data)`
const program = `data:text/javascript,${encodeURIComponent(text)}`

const start = (run) => {
  const worker = new Worker(program, { type: 'module', deno: { permissions: 'none' } })
  worker.addEventListener('message', ({ data }) => writeLine({ run, message: data }))
  worker.addEventListener('error', (event) => {
    event.preventDefault()
    writeLine({ run, message: { kind: 'failure', message: event.message } })
  })
  workers.set(run, worker)
  return worker
}

await readLines(({ run, message, end }) => {
  if (end !== true) return (workers.get(run) ?? start(run)).postMessage(message)
  workers.get(run)?.terminate()
  workers.delete(run)
})
