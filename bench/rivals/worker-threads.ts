import { Worker } from 'node:worker_threads'
import { programFile, withinMs, type Opened, type Rival, type Setting } from './rival.ts'
import { serveGuest, type GuestMessage } from './serve-guest.ts'

const open = ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const held: Worker[] = []
  const start = (): Worker =>
    new Worker(programFile('worker-guest.mjs'), {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16 },
      stdout: false,
    })
  return Promise.resolve({
    async run(guest) {
      const worker = start()
      const ended = Promise.withResolvers<unknown>()
      const send = (message: unknown): void => worker.postMessage(message)
      worker.on('message', (message: GuestMessage) => serveGuest(message, { call, send, ended }))
      worker.on('error', ended.reject)
      worker.on('exit', (code) => ended.reject(new Error(`the worker ended with ${code}`)))
      send({ guest })
      try {
        return await withinMs(ended.promise, deadlineMs, () => void worker.terminate())
      } finally {
        await worker.terminate()
      }
    },
    async hold(count: number) {
      for (let n = 0; n < count; n += 1) {
        const worker = start()
        await new Promise((resolve) => {
          worker.once('online', resolve)
        })
        held.push(worker)
      }
    },
    close: async () => {
      await Promise.all(held.map((worker) => worker.terminate()))
    },
  })
}

/** A thread of Node's for each run. It can open files and sockets as the host can. */
export const workerThreads: Rival = {
  name: 'worker_threads',
  isolation: 'none: a thread with the rights of the host',
  scalesBy: 'runs at once',
  open,
}
