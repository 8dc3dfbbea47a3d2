/** The http capability with one of its checks taken out, for negative controls: with it in place the attack must succeed. */
import ipaddr from 'ipaddr.js'
import { Agent, interceptors, request as send } from 'undici'
import type { Capability, Driver } from '../../src/capabilities/capability.ts'
import type { HttpGrant, HttpJudgement } from '../../src/capabilities/http/grant.ts'
import { httpCapability } from '../../src/capabilities/http/http.ts'
import type { RequestArguments } from '../../src/capabilities/http/ops.ts'
import { sha256 } from '../../src/digest/sha256.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { withSetting, type Replace } from '../run/gates.ts'

/** Puts another http capability in the place of the real one. */
const withHttp =
  (weak: Capability): Replace =>
  (parts) => ({
    ...withSetting(({ capabilities }) => ({ capabilities: new Map([...capabilities, ['http', weak]]) }))(
      parts,
    ),
    prepare: {
      ...parts.prepare,
      compile: (document) => Promise.resolve(compilePolicy(document, { capabilities: [weak], sha256 })),
    },
  })

/** Changes the grant of http once it is compiled. */
const withGrant = (change: (grant: HttpGrant) => HttpGrant): Replace =>
  withHttp({
    ...httpCapability,
    compile: (document, environment) => change(httpCapability.compile(document, environment) as HttpGrant),
  })

/** URLs are repaired as browsers do instead of being refused: tabs dropped, backslashes turned, odd addresses read. */
export const lenientUrls = withGrant((grant) => ({
  ...grant,
  judge(op, args) {
    const { url, ...rest } = args as RequestArguments
    const repaired = URL.parse(url)
    if (repaired === null) return grant.judge(op, args)
    repaired.username = ''
    repaired.password = ''
    return grant.judge(op, { ...rest, url: repaired.href })
  },
}))

const everywhere = ['0.0.0.0', '::'].map((text) => ({ text, base: ipaddr.parse(text), bits: 0 }))

/** Whatever a name resolves to is dialled. */
export const anyAddress = withGrant((grant) => ({
  ...grant,
  settings: { ...grant.settings, networks: everywhere },
}))

/** A client as one finds it in a library: every redirect is followed, with all that the caller set. All names lead to loopback. */
const openFollower = (): Driver => {
  const agent = new Agent({
    connect: { lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]) },
  })
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 20 }))
  return {
    async perform(judgement) {
      const { method, url, headers, body } = (judgement as HttpJudgement).request
      const sent = body !== null && 'text' in body ? body.text : null
      const answer = await send(url, { method, headers: Object.fromEntries(headers), body: sent, dispatcher })
      const value = { url, status: answer.statusCode, statusText: '', headers: [], redirected: true }
      return {
        value: { ...value, body: { text: await answer.body.text() } },
        ingressBytes: 0,
        egressBytes: 0,
      }
    },
    close: () => agent.close(),
  }
}

/** Requests are made by {@link openFollower}. */
export const blindFollower = withHttp({ ...httpCapability, openDriver: openFollower })

/** One driver, with its connections, serves all runs of all principals, and stays open. */
export const sharedConnections = (): Replace => {
  let shared: Driver | undefined
  return withHttp({
    ...httpCapability,
    openDriver(grant, setting) {
      const driver = (shared ??= httpCapability.openDriver(grant, setting))
      return { perform: (judgement, call) => driver.perform(judgement, call), close: () => Promise.resolve() }
    },
  })
}
