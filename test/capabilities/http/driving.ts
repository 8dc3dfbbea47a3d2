import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import type {
  Driver,
  Judgement,
  Outcome,
  PerformTerms,
  Quota,
  ResolvedSecret,
  SecretSigner,
} from '../../../src/capabilities/capability.ts'
import { openHttpDriver } from '../../../src/capabilities/http/driver.ts'
import type { HttpGrant } from '../../../src/capabilities/http/grant.ts'
import type { HttpAnswer } from '../../../src/capabilities/http/ops.ts'
import type { HttpPowers } from '../../../src/capabilities/http/powers.ts'
import { isTollgateError, type TollgateError } from '../../../src/errors/tollgate-error.ts'
import { grantOf, judge } from './granting.ts'

/** What a driver is opened with in a test. Names resolve to the loopback address unless the test says otherwise. */
export type Setting = {
  /** `permissions.http`; the loopback network is listed unless the document says otherwise. */
  document: object
  resolve?: (name: string) => readonly string[] | Promise<readonly string[]>
  dial?: (address: string, port: number) => Duplex
  secrets?: readonly ResolvedSecret[]
  extraCa?: string
}

/** How one call is made beside its arguments. */
export type Calling = {
  signal?: AbortSignal
  draw?: (quota: Quota) => void
  asks?: (judgement: Judgement) => boolean
  key?: string
}

/** A driver under test, and what it asked of the world. */
export type Driving = {
  readonly grant: HttpGrant
  readonly driver: Driver
  readonly resolved: string[]
  readonly dialled: string[]
  /** Quotas that were drawn while calls went on. */
  readonly drawn: Quota[]
  call(args: object, calling?: Calling): Promise<Outcome & { readonly value: HttpAnswer }>
}

/** A secret that was resolved. */
export const secret = (
  name: string,
  value: string,
  signer: SecretSigner = { kind: 'bearer' },
  hosts?: readonly string[],
): ResolvedSecret => ({
  name,
  value,
  signer,
  hosts,
})

/** Opens a driver that ends with its test. */
export function drive({
  document,
  resolve = () => ['127.0.0.1'],
  dial,
  secrets = [],
  extraCa,
}: Setting): Driving {
  const [resolved, dialled, drawn]: [string[], string[], Quota[]] = [[], [], []]
  const powers: HttpPowers = {
    resolve: async (name) => {
      resolved.push(name)
      return resolve(name)
    },
    dial: (address, port) => {
      dialled.push(`${address}:${port}`)
      return dial?.(address, port) ?? connect({ host: address, port })
    },
    ...(extraCa !== undefined && { extraCa }),
  }
  const secretHosts = new Map(secrets.map(({ name }) => [name, undefined]))
  const grant = grantOf({ private_networks: ['127.0.0.0/8'], ...document }, { secretHosts })
  const byName = new Map(secrets.map((one) => [one.name, one]))
  const driver = openHttpDriver(grant, powers, {
    powers,
    principal: 'local',
    runId: 'run-1',
    secrets: byName,
  })
  onTestFinished(() => driver.close())
  return {
    grant,
    driver,
    resolved,
    dialled,
    drawn,
    async call(
      args,
      { signal = new AbortController().signal, draw, asks = () => false, key = 'key-1' } = {},
    ) {
      const performing: PerformTerms = {
        signal,
        runId: 'run-1',
        seq: 1,
        taskId: 'task-1',
        principal: 'local',
        idempotencyKey: key,
        draw(quota) {
          drawn.push(quota)
          draw?.(quota)
        },
        asks,
        assertPermitted: () => undefined,
      }
      return (await driver.perform(judge(grant, args), performing)) as Outcome & { value: HttpAnswer }
    },
  }
}

/** The error of ours that a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<TollgateError> {
  try {
    await call
  } catch (error) {
    if (isTollgateError(error)) return error
    throw error
  }
  throw new Error('the call succeeded')
}

/** The text of an answer's body. */
export const textOf = ({ value: { body } }: { value: HttpAnswer }): string =>
  'text' in body ? body.text : `base64:${body.base64}`

/** The first value of a header of an answer. */
export const headerOf = ({ value: { headers } }: { value: HttpAnswer }, name: string): string | undefined =>
  headers.find(([one]) => one === name)?.[1]
