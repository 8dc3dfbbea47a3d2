import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ChildPort, Grant, Judgement } from '../../../src/capabilities/capability.ts'
import { createDbPowers, type DbPowers } from '../../../src/run/db-powers.ts'

/** Starts another entry than the real one, without any confinement. */
const powerOf = (entry: string): DbPowers => ({
  ...createDbPowers(),
  start() {
    const child = spawn(process.execPath, ['--no-warnings', entry], {
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

/** A grant whose judgement looks at no statement. */
export const withoutJudging = (grant: Grant): Grant => ({
  ...grant,
  judge(op, args): Judgement {
    const judgement = grant.judge(op, { sql: 'select 1', params: [], first: false })
    return { ...judgement, request: { kind: 'query', database: 'shop', ...(args as object) } }
  },
})
