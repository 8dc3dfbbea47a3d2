import { fork as forkProcess, type ChildProcess } from 'node:child_process'
import { programFile, withinMs, type Opened, type Rival, type Setting } from './rival.ts'
import { serveGuest, type GuestMessage } from './serve-guest.ts'

const open = ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const held: ChildProcess[] = []
  const start = (): ChildProcess =>
    forkProcess(programFile('fork-guest.mjs'), [], {
      env: {},
      execArgv: [`--max-old-space-size=${memoryMb}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
  return Promise.resolve({
    async run(guest) {
      const child = start()
      const ended = Promise.withResolvers<unknown>()
      const exited = new Promise<void>((resolve) => {
        child.once('exit', () => resolve())
      })
      // A message to a child that is gone already is told by its end.
      const send = (message: unknown): void => void child.send(message as object, () => undefined)
      child.on('message', (message) => serveGuest(message as GuestMessage, { call, send, ended }))
      child.on('error', ended.reject)
      child.on('exit', (code, signal) => ended.reject(new Error(`the child ended with ${signal ?? code}`)))
      send({ guest })
      try {
        return await withinMs(ended.promise, deadlineMs, () => child.kill('SIGKILL'))
      } finally {
        child.kill('SIGKILL')
        await exited
      }
    },
    async hold(count: number) {
      for (let n = 0; n < count; n += 1) {
        const child = start()
        await new Promise((resolve) => {
          child.once('message', resolve)
          child.send({ isAlive: true })
        })
        held.push(child)
      }
    },
    close: () => {
      for (const child of held) child.kill('SIGKILL')
      return Promise.resolve()
    },
  })
}

/** A process of Node's for each run. It can open files and sockets as the host can. */
export const fork: Rival = {
  name: 'child_process fork',
  isolation: 'a process with the rights of the host',
  scalesBy: 'runs at once',
  open,
}
