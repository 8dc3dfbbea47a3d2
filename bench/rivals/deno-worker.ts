import { startDeno } from './deno-lines.ts'
import { withinMs, type Opened, type Rival, type Setting } from './rival.ts'
import { serveGuest, type GuestMessage } from './serve-guest.ts'

type Addressed = { readonly run: number; readonly message: GuestMessage }

/** One process serves every run, each in a worker of its own with no permission. */
const open = ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let runs = 0
  const { child, send } = startDeno('deno-host.mjs', memoryMb, (line) => {
    const { run, message } = line as Addressed
    const ended = waiting.get(run)
    const answer = (value: unknown): void => send({ run, message: value })
    if (ended !== undefined) serveGuest(message, { call, send: answer, ended })
  })
  const fail = (error: unknown): void => {
    for (const ended of waiting.values()) ended.reject(error)
  }
  child.on('error', fail)
  child.on('exit', (code, signal) => fail(new Error(`deno ended with ${signal ?? code}`)))
  return Promise.resolve({
    async run(guest) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('deno has ended')
      runs += 1
      const run = runs
      const ended = Promise.withResolvers<unknown>()
      waiting.set(run, ended)
      send({ run, message: { guest } })
      try {
        return await withinMs(ended.promise, deadlineMs, () => undefined)
      } finally {
        waiting.delete(run)
        send({ run, end: true })
      }
    },
    close: () => {
      child.kill('SIGKILL')
      return Promise.resolve()
    },
  })
}

export const denoWorker: Rival = {
  name: 'deno worker',
  npm: 'deno',
  isolation: 'a worker for each run in one shared process; every permission denied by its runtime',
  scalesBy: 'opening twice',
  open,
}
