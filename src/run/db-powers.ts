import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ChildPower } from '../capabilities/capability.ts'
import { createChildPower } from './child-power.ts'

/** As the db capability reads it; told again here, so that the host stands without that folder. */
export type DbPowers = ChildPower & {
  /** Opens a TCP connection to the host that the policy's url names. */
  readonly dial: (host: string, port: number) => Duplex
}

/** Starts the processes of databases, and dials servers. */
export const createDbPowers = (): DbPowers =>
  Object.freeze<DbPowers>({
    ...createChildPower(),
    dial: (host, port) => connect({ host, port, noDelay: true }),
  })
