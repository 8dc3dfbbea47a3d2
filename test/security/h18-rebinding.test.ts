import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Powers } from '../../src/index.ts'
import { ask, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite, type Answer } from '../harness/site.ts'

const PUBLIC = '93.184.216.34'

/** Ends the connection after its answer, so that each call dials again. */
const closing =
  (body: string): Answer =>
  (_, response) =>
    void response.writeHead(200, { connection: 'close' }).end(body)

const openWorld = async () => {
  const open = await openSite(closing('public'))
  const secret = await openSite(closing('internal'))
  // The first look-up names a public address, each later one the address inside; the port is that of the server inside.
  let lookUps = 0
  const network = stubNetwork(
    { 'rebind.test': () => [(lookUps += 1) === 1 ? PUBLIC : '127.0.0.1'] },
    { [`${PUBLIC}:${secret.port}`]: open.port },
  )
  const policy = {
    permissions: { http: { allowed_domains: [`http://rebind.test:${secret.port}`] } },
    limits: { max_tool_calls: 50 },
  }
  return {
    open,
    secret,
    network,
    policy,
    asked: { url: `http://rebind.test:${secret.port}/` },
    async [Symbol.asyncDispose]() {
      await open[Symbol.asyncDispose]()
      await secret[Symbol.asyncDispose]()
    },
  }
}

describe('a name that resolves to another address each time', () => {
  it('is dialled at the address that was judged, and is looked up once a call', async () => {
    await using world = await openWorld()
    await using gate = await openGate({ powers: { http: world.network.http } })
    const { seen } = await ask(gate, world.policy, [world.asked])
    expect(seen[0]?.text).toBe('public')
    expect(world.network.resolved).toEqual(['rebind.test'])
    expect(world.network.dialled).toEqual([`${PUBLIC}:${world.secret.port}`])
    expect(world.secret.connections).toBe(0)
  })

  it('is judged anew at the next call, and refused at perform', async () => {
    await using world = await openWorld()
    await using gate = await openGate({ powers: { http: world.network.http } })
    const { seen } = await ask(
      gate,
      world.policy,
      Array.from({ length: 4 }, () => world.asked),
    )
    expect(verdicts(seen)).toEqual(['200', ...Array.from({ length: 3 }, () => 'DENIED_ADDRESS at perform')])
    expect(world.network.dialled).toEqual([`${PUBLIC}:${world.secret.port}`])
    expect(world.secret.connections).toBe(0)
  })
})

/** A dialler that asks the resolver once more, as a socket does that is given a name. */
const dialsNames = ({ http }: ReturnType<typeof stubNetwork>, isSilent: boolean): Powers['http'] => ({
  ...http,
  dial(judged, port) {
    const socket = connect({
      host: 'rebind.test',
      port,
      lookup: (name, _options, found) =>
        void http
          .resolve(name, AbortSignal.abort())
          .then(([address = '']) => found(null, [{ address, family: 4 }])),
    })
    return isSilent ? Object.defineProperty(socket, 'remoteAddress', { value: judged }) : socket
  },
})

describe('a dialler that looks the name up again', () => {
  it('is found out by the address that the socket reached, before a byte is sent', async () => {
    await using world = await openWorld()
    await using gate = await openGate({ powers: { http: dialsNames(world.network, false) } })
    const { seen } = await ask(gate, world.policy, [world.asked])
    expect(verdicts(seen)).toEqual(['DENIED_ADDRESS at perform'])
    expect(world.secret.requests).toEqual([])
  })

  it('would reach the server inside if its socket did not tell', async () => {
    await using world = await openWorld()
    await using gate = await openGate({ powers: { http: dialsNames(world.network, true) } })
    const { seen } = await ask(gate, world.policy, [world.asked])
    expect(seen[0]?.text).toBe('internal')
    expect(world.secret.requests).toHaveLength(1)
  })
})
