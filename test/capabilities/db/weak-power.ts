import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ChildPort, Grant, Judgement } from '../../../src/capabilities/capability.ts'
import { createDbPowers, type DbPowers } from '../../../src/run/db-powers.ts'

/** Starts another entry than the real one, without any confinement. */
const powerOf = (entry: string, before: readonly string[] = []): DbPowers => ({
  ...createDbPowers(),
  start() {
    const [command, ...args] = [...before, process.execPath, '--no-warnings', entry]
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    const pipe = child.stdio[3] as Socket
    const port: ChildPort = {
      write: (bytes) => void pipe.write(bytes),
      kill: () => void child.kill('SIGKILL'),
      onData: () => undefined,
      onEnd: () => undefined,
    }
    pipe.on('data', (bytes: Buffer) => port.onData(bytes))
    pipe.on('error', () => undefined)
    child.on('close', () => port.onEnd())
    return port
  },
})

/** A database process that only opens read-only: no authorizer, no views, no limits. */
export const weakPower = (): DbPowers => powerOf(join(import.meta.dirname, 'weak-child.ts'))

/** The same, and one process for whoever comes: nobody's end ends it. */
export const pooledPower = (): DbPowers & { end(): void } => {
  const weak = weakPower()
  let shared: ChildPort | undefined
  return {
    ...weak,
    start(capability) {
      shared ??= weak.start(capability)
      const port = shared
      return {
        write: (bytes) => port.write(bytes),
        kill: () => undefined,
        get onData() {
          return port.onData
        },
        set onData(handler) {
          port.onData = handler
        },
        onEnd: () => undefined,
      }
    },
    end: () => shared?.kill(),
  }
}

const ENTRY = join(import.meta.dirname, '../../../dist/children/db.mjs')

/** The real process of a database, which may allocate whatever it likes. */
export const boundlessPower = (): DbPowers => powerOf(ENTRY)

/** The real process of a database, which can make no file larger than so many kilobytes. */
export const smallDiskPower = (kilobytes: number): DbPowers => {
  const refusing = `trap '' XFSZ; exec prlimit --fsize=${kilobytes * 1024} "$@"`
  return powerOf(ENTRY, ['sh', '-c', refusing, 'sh'])
}

/** A grant whose judgement looks at no statement; each that writes is `takenFor` this one. */
export const withoutJudging = (grant: Grant, takenFor = 'delete from x'): Grant => ({
  ...grant,
  judge(op, args): Judgement {
    if (op.endsWith('.commit')) return grant.judge(op, args)
    if (op.endsWith('.execute')) {
      const judgement = grant.judge(op, { sql: takenFor, params: [] })
      return { ...judgement, request: { ...(judgement.request as object), ...(args as object) } }
    }
    const judgement = grant.judge(op, { sql: 'select 1', params: [], first: false })
    return { ...judgement, request: { kind: 'query', database: 'shop', ...(args as object) } }
  },
})
