import { describe, expect, it } from 'vitest'
import type { Decision, RunEvent, RunResult, Ticket } from '../../src/index.ts'
import { both, openGateOf, withSetting, type Replace } from '../run/gates.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from '../run/mail.ts'
import { careless } from '../run/weak-parts.ts'

const POLICY = mailPolicy({}, { limits: { max_tool_calls: 100, max_cost_usd: 10 } })
/** Sends the same message so often, one after the other or all at once; the value lists ids and refusals. */
const sendMany = (count: number, mode: 'in a row' | 'at once'): string => `
  const send = ${SEND_ONE.replace('export default', '')}
  export default async (message, capabilities) => {
    if (${mode === 'at once'}) return Promise.all(Array.from({ length: ${count} }, () => send(message, capabilities)))
    const all = []
    for (let i = 0; i < ${count}; i += 1) all.push(await send(message, capabilities))
    return all
  }`

type Sending = { readonly result: RunResult; readonly outbox: Outbox; readonly tickets: readonly Ticket[] }
type Decide = (ticket: Ticket, index: number) => boolean | Decision

const sending = async (
  code: string,
  decide: Decide,
  replace?: Replace,
  policy = POLICY,
): Promise<Sending> => {
  const outbox = new Outbox()
  const tickets: Ticket[] = []
  const approve = (ticket: Ticket): boolean | Decision => decide(ticket, tickets.push(ticket) - 1)
  await using gate = await openGateOf({ tools: [outbox.tool], approve }, replace)
  const result = await gate.run({ code, input: MESSAGE, policy })
  return { result, outbox, tickets }
}

const first: Decide = (_, index) => index === 0
const DENIED = ['APPROVAL_DENIED', 'approve']
const MISMATCH = ['APPROVAL_MISMATCH', 'approve']

describe('the same call made again', () => {
  it('is asked about again, and the first approval does not cover it', async () => {
    const { result, outbox, tickets } = await sending(sendMany(3, 'in a row'), first)
    expect(result.value).toEqual(['mail-1', DENIED, DENIED])
    expect(outbox.sent).toEqual([MESSAGE])
    expect(new Set(tickets.map(({ digest }) => digest)).size).toBe(3)
  })

  it('fifty times at once executes the one that was approved', async () => {
    const { result, outbox, tickets } = await sending(sendMany(50, 'at once'), (_, index) => index === 33)
    const values = result.value as unknown[]
    expect(values.filter((value) => value === 'mail-1')).toHaveLength(1)
    expect(values.filter((value) => JSON.stringify(value) === JSON.stringify(DENIED))).toHaveLength(49)
    expect(outbox.sent).toEqual([MESSAGE])
    expect(tickets).toHaveLength(50)
    expect(result.approvals.filter(({ state }) => state === 'used')).toHaveLength(1)
  })

  it('negative control: passes where the policy lets one approval stand for the run', async () => {
    const { outbox, tickets } = await sending(
      sendMany(3, 'in a row'),
      first,
      undefined,
      mailPolicy({ ask: 'once_per_run' }),
    )
    expect([outbox.sent.length, tickets.length]).toEqual([3, 1])
  })
})

/** Whoever uses a ticket uses the first one that was made, as if its approval could be passed on. */
const thief: Replace = withSetting(({ store }) => {
  let stolen: string | undefined
  const { tickets } = store
  return {
    store: {
      ...store,
      tickets: {
        ...tickets,
        put: (id, ...rest) => {
          stolen ??= id
          tickets.put(id, ...rest)
        },
        use: (_id, digest, atMs) => tickets.use(stolen ?? '', digest, atMs),
      },
    },
  }
})

describe('an approval that was given to another call', () => {
  it('fits none but its own', async () => {
    const { result, outbox } = await sending(sendMany(3, 'in a row'), () => true, thief)
    expect(result.value).toEqual(['mail-1', MISMATCH, MISMATCH])
    expect(outbox.sent).toEqual([MESSAGE])
  })

  it.each([{ principal: 'alice' }, { task: 'other' }, { code: `${SEND_ONE} // another tool` }])(
    'fits no other run: %j',
    async (other) => {
      const outbox = new Outbox()
      await using gate = await openGateOf({ tools: [outbox.tool], approve: () => true }, thief)
      const options = { code: SEND_ONE, input: MESSAGE, policy: POLICY }
      const values = [
        (await gate.run(options)).value,
        (await gate.run({ ...options, ...other })).value,
        (await gate.run(options)).value,
      ]
      expect(values).toEqual(['mail-1', MISMATCH, MISMATCH])
      expect(outbox.sent).toEqual([MESSAGE])
    },
  )

  it('negative control: fits all where the store asks for no digest', async () => {
    const { outbox } = await sending(sendMany(3, 'in a row'), () => true, both(thief, careless))
    expect(outbox.sent).toHaveLength(3)
  })
})

describe('an approval that comes too late', () => {
  const late = async (jumpAt: 'asked' | 'approved'): Promise<{ value: unknown; sent: number }> => {
    const outbox = new Outbox()
    let nowMs = Date.now()
    const onEvent = (event: RunEvent): void => {
      if (event.kind === 'approval' && event.state === jumpAt) nowMs += 11_000
    }
    await using gate = await openGateOf({
      tools: [outbox.tool],
      approve: () => true,
      onEvent,
      powers: { now: () => nowMs },
    })
    const policy = mailPolicy({}, { approval: { ttl_seconds: 10 } })
    const { value } = await gate.run({ code: SEND_ONE, input: MESSAGE, policy })
    return { value, sent: outbox.sent.length }
  }

  it.each(['asked', 'approved'] as const)(
    'is refused when the ticket expired after it was %s',
    async (jumpAt) => {
      expect(await late(jumpAt)).toEqual({ value: ['APPROVAL_EXPIRED', 'approve'], sent: 0 })
    },
  )

  it('is refused when nobody answers until the ticket expires, and the callback hears of it', async () => {
    const outbox = new Outbox()
    const heard = Promise.withResolvers<unknown>()
    const approve = (_: Ticket, signal: AbortSignal): Promise<boolean> => {
      signal.addEventListener('abort', () => heard.resolve((signal.reason as { code: string }).code))
      return Promise.withResolvers<boolean>().promise
    }
    await using gate = await openGateOf({ tools: [outbox.tool], approve })
    const policy = mailPolicy({}, { approval: { ttl_seconds: 1 } })
    const { value } = await gate.run({ code: SEND_ONE, input: MESSAGE, policy })
    expect([value, await heard.promise]).toEqual([['APPROVAL_EXPIRED', 'approve'], 'APPROVAL_EXPIRED'])
    expect(outbox.sent).toEqual([])
  })
})

describe('an approval by the requester itself', () => {
  const byItself = async (approval: object): Promise<Sending> =>
    sending(
      SEND_ONE,
      ({ principal }) => ({ approve: true, by: principal }),
      undefined,
      mailPolicy({}, { approval }),
    )

  it('is none', async () => {
    const { result, outbox } = await byItself({})
    expect(result.value).toEqual(DENIED)
    expect(result.approvals).toMatchObject([{ state: 'denied' }])
    expect(outbox.sent).toEqual([])
  })

  it('counts where the policy says so', async () => {
    const { result } = await byItself({ requester_may_approve: true })
    expect(result.value).toBe('mail-1')
  })
})

describe('an answer that is not plainly yes', () => {
  it.each([1, 'yes', {}, { approve: 'true' }, { approve: 1 }, null, undefined, [true]])(
    'is a no: %j',
    async (answer) => {
      const { result, outbox } = await sending(SEND_ONE, () => answer as unknown as boolean)
      expect(result.value).toEqual(DENIED)
      expect(outbox.sent).toEqual([])
    },
  )
})
