import { startDeno } from './deno-lines.ts'
import { withinMs, type Opened, type Rival, type Setting } from './rival.ts'
import { serveGuest, type GuestMessage } from './serve-guest.ts'

const open = ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> =>
  Promise.resolve({
    async run(guest) {
      const ended = Promise.withResolvers<unknown>()
      const { child, send } = startDeno('deno-guest.mjs', memoryMb, (message) =>
        serveGuest(message as GuestMessage, { call, send, ended }),
      )
      const exited = new Promise<void>((resolve) => {
        child.once('exit', () => resolve())
      })
      child.on('error', ended.reject)
      child.on('exit', (code, signal) => ended.reject(new Error(`deno ended with ${signal ?? code}`)))
      send({ guest })
      try {
        return await withinMs(ended.promise, deadlineMs, () => child.kill('SIGKILL'))
      } finally {
        child.kill('SIGKILL')
        await exited
      }
    },
    close: () => Promise.resolve(),
  })

export const denoProcess: Rival = {
  name: 'deno process',
  npm: 'deno',
  isolation: 'a process for each run; every permission denied by its runtime',
  scalesBy: 'runs at once',
  open,
}
