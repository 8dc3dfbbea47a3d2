import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type Ticket } from '../../src/index.ts'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { openFolder } from '../harness/files.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf, withGrant, type Replace } from '../run/gates.ts'
import { MESSAGE, Outbox } from '../run/mail.ts'

const harmless = defineTool({
  name: 'look_up',
  description: 'Looks something up.',
  input: z.strictObject({ to: z.string(), body: z.string() }),
  output: z.strictObject({ id: z.string() }),
  effect: 'write',
  perform: () => ({ id: 'harmless' }),
})

/** Asks nobody about a hop: the driver is told that no policy would. */
const unasked: Replace = (parts) => ({
  ...parts,
  prepare: {
    ...parts.prepare,
    compile: async (document) => ({
      ...(await parts.prepare.compile(document)),
      needsApproval: () => undefined,
    }),
  },
})

describe('an allowed page that redirects to what needs an approval', () => {
  const follow = async (replace?: Replace): Promise<{ value: unknown; urls: string[]; tickets: number }> => {
    await using site = await openSite(({ url }, response) => {
      if (url === '/page') response.writeHead(302, { location: '/admin/delete-everything' })
      response.end(url)
    })
    let tickets = 0
    const approve = (): boolean => (tickets += 1) < 0
    await using gate = await openGateOf({ approve }, replace)
    const code =
      'try { return await (await http.get(input)).text() } catch ({ code, gate }) { return [code, gate] }'
    const policy = {
      permissions: { http: { allowed_domains: [site.origin], ...LOOPBACK } },
      human_in_loop: [`http.GET ${site.origin}/admin/**`],
    }
    const { value } = await gate.run({ code, input: `${site.origin}/page`, policy })
    return { value, urls: site.requests.map(({ url }) => url), tickets }
  }

  it('is not followed there', async () => {
    expect(await follow()).toEqual({ value: ['DENIED_REDIRECT', 'perform'], urls: ['/page'], tickets: 0 })
  })

  it('negative control: is followed where nothing needs an approval', async () => {
    const { urls } = await follow(unasked)
    expect(urls).toEqual(['/page', '/admin/delete-everything'])
  })
})

const BOTH = `export default async (message, { tools }) => {
  const outcomes = []
  const attempt = async (name, options) => {
    try { outcomes.push((await tools[name](message, options)).id) } catch ({ code, gate }) { outcomes.push([code, gate]) }
  }
  await attempt('look_up', { idempotencyKey: 'one' })
  await attempt('send_email', { idempotencyKey: 'one' })
  await attempt('look_up', { idempotencyKey: 'one' })
  return outcomes
}`

describe('an approval and a receipt of one tool', () => {
  it('stand for no other tool, also with equal arguments and an equal key', async () => {
    const outbox = new Outbox()
    const asked: string[] = []
    const approve = ({ op }: Ticket): boolean => {
      asked.push(op)
      return op === 'tools.look_up'
    }
    await using gate = await openGateOf({ tools: [outbox.tool, harmless], approve })
    const policy = { permissions: { tools: { send_email: {}, look_up: { ask: 'once_per_run' } } } }
    const { value } = await gate.run({ code: BOTH, input: MESSAGE, policy })
    expect(value).toEqual(['harmless', ['APPROVAL_DENIED', 'approve'], 'harmless'])
    expect(asked).toEqual(['tools.look_up', 'tools.send_email'])
    expect(outbox.sent).toEqual([])
  })

  it('negative control: are of use where both are granted without a question', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool, harmless] })
    const policy = { permissions: { tools: { send_email: { ask: 'never' }, look_up: {} } } }
    const { value } = await gate.run({ code: BOTH, input: MESSAGE, policy })
    expect(value).toEqual(['harmless', 'mail-1', 'harmless'])
  })
})

describe('a tool that is handed to a callback of another', () => {
  it('keeps its own rule: the guest can only pass data', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool, harmless] })
    const code = `try { await tools.look_up({ to: tools.send_email, body: 'x' }) } catch ({ code, gate }) { return [code, gate] }`
    const policy = { permissions: { tools: { send_email: {}, look_up: {} } } }
    const { value } = await gate.run({ code, policy })
    expect(value).toEqual(['GUEST_UNPASSABLE', 'decode'])
    expect(outbox.sent).toEqual([])
  })
})

describe('a tool that may put things where another capability reads', () => {
  /** An allowed tool whose work the guest steers: it makes a file, or a link to whatever is named. */
  const deputy = (folder: string) =>
    defineTool({
      name: 'save',
      description: 'Saves a file, or a shortcut to one.',
      input: z.strictObject({ name: z.string(), text: z.string().optional(), to: z.string().optional() }),
      output: z.null(),
      effect: 'write',
      perform: ({ name, text = '', to }) => {
        if (to === undefined) writeFileSync(join(folder, name), text)
        else symlinkSync(to, join(folder, name))
        return null
      },
    })
  const READ = `const read = async (name) => { try { return await fs.readText('/in/' + name) } catch ({ code, gate }) { return code + ' at ' + gate } }
    await tools.save({ name: 'a.txt', text: 'hello' })
    await tools.save({ name: 'b.env', text: 'hello' })
    await tools.save({ name: 'c.txt', to: input })
    return [await read('a.txt'), await read('b.env'), await read('c.txt')]`

  it('widens no mount: links are not followed, and globs hold for what it made', async () => {
    using folder = openFolder({ 'in/kept.txt': '', 'outside.txt': 'of nobody' })
    const inside = join(folder.path, 'in')
    await using gate = await openGateOf({ tools: [deputy(inside)] })
    const policy = {
      permissions: {
        tools: { save: { ask: 'never' } },
        filesystem: [{ path: '/in', source: inside, mode: 'read', allow: ['*.txt'] }],
      },
    }
    const { value } = await gate.run({ code: READ, policy, input: join(folder.path, 'outside.txt') })
    expect(value).toEqual(['hello', 'DENIED_FILE at authorize', 'DENIED_FILE_KIND at perform'])
  })

  const PEEK = ['select key from peek', 'select count(*) from orders']
  const peek =
    'create view peek as select * from secrets; create trigger t after insert on orders begin select 1; end'

  it('widens no database: a view that it makes is not granted, whatever it shows', async () => {
    using shop = openShop()
    shop.exec(peek)
    await using gate = await openGateOf({})
    const { verdicts } = await askShop(gate, shopPolicy(shop), PEEK)
    expect(verdicts).toEqual(['DENIED_NAME at perform', [[3]]])
  })

  it('negative control: is read by a process that knows no grant', async () => {
    using shop = openShop()
    shop.exec(peek)
    await using gate = await openGateOf({ powers: { db: weakPower() } }, withGrant('db', withoutJudging))
    const { verdicts } = await askShop(gate, shopPolicy(shop), PEEK)
    expect(verdicts).toEqual([[['master']], [['3']]])
  })
})
