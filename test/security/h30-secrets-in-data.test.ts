import { mkdtemp, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openFolder } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { dumpState } from '../harness/state-dump.ts'
import { formsIn, writtenForms } from '../harness/written-secrets.ts'

const SECRET = `sk-Live/"4f9a+1c7b&<E2>\\n%7e'=z_Q`
const PLAIN = 'sk-Live-4f9a1c7be2d84c50-zQ'
const MARK = '[redacted:company]'

/** A folder and a database in which somebody left the secret, in every form. */
const openData = () => {
  const forms = Object.values(writtenForms(SECRET))
  const folder = openFolder({
    'in/forms.txt': forms.join('\n'),
    'in/forms.json': JSON.stringify(forms),
    'in/forms.bin': Buffer.concat([Buffer.from([0xff, 0xfe, 0x00]), Buffer.from(forms.join('\n'))]),
    [`in/${PLAIN}/${PLAIN}.txt`]: 'named',
    'out/kept.txt': '',
  })
  const file = join(folder.path, 'shop.db')
  const database = new DatabaseSync(file)
  database.exec(`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, bytes BLOB)`)
  const insert = database.prepare('INSERT INTO notes (text, bytes) VALUES (?, ?)')
  for (const form of forms) insert.run(form, Buffer.from(`\u00ff${form}`, 'latin1'))
  database.close()
  const policy = (secrets: object): object => ({
    permissions: {
      filesystem: [
        { path: '/in', source: join(folder.path, 'in'), mode: 'read', allow: ['**'] },
        { path: '/out', source: join(folder.path, 'out'), mode: 'write', allow: ['*.txt'] },
        { path: '/tmp', mode: 'scratch' },
      ],
      kv: {},
      db: { shop: { engine: 'sqlite', file, read: { notes: '*' } } },
    },
    secrets,
    limits: { max_output_kb: 1024, max_log_kb: 256 },
  })
  return { policy, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

const run = async (code: string, secret: string, knows: boolean) => {
  using data = openData()
  const state = await mkdtemp(join(tmpdir(), 'tollgate-h30-'))
  try {
    const gate = await openGate({ state, powers: { env: { COMPANY: secret } } })
    const policy = data.policy(knows ? { company: { from: 'env:COMPANY' } } : {})
    // The guest gets the secret in pieces, so that the text of the call alone does not tell it.
    const result = await gate.run({ code, policy, input: PLAIN.split('') })
    const audit = JSON.stringify(await gate.audit.read())
    await gate.close()
    const handedOut = [JSON.stringify(result), audit].join('\n')
    return { handedOut, everything: [handedOut, await dumpState(state)].join('\n') }
  } finally {
    await rm(state, { recursive: true })
  }
}

const CASES: readonly (readonly [string, string, string])[] = [
  ['the text of a file', `return await fs.readText('/in/forms.txt')`, SECRET],
  ['a file of JSON', `return await fs.readText('/in/forms.json')`, SECRET],
  [
    'the bytes of a file',
    `const bytes = await fs.read('/in/forms.bin'); console.log(String.fromCharCode(...bytes)); return [...bytes].map((b) => String.fromCharCode(b)).join('')`,
    SECRET,
  ],
  ['the names of files', `return [await fs.list('/in'), await fs.glob('/in/**')]`, PLAIN],
  [
    'the name of a file that is not there',
    `const held = input.join(''); try { await fs.readText('/in/no/' + held) } catch ({ message, hint }) { console.log(message, hint) } await fs.readText('/in/no/' + held)`,
    PLAIN,
  ],
  [
    'the name of a file that is written',
    `await fs.write('/out/' + input.join('') + '.txt', 'x'); return (await fs.list('/out')).map(({ name }) => name ?? '')`,
    PLAIN,
  ],
  [
    'what was kept in memory',
    `await fs.write('/tmp/a', input.join('')); return await fs.readText('/tmp/a')`,
    PLAIN,
  ],
  ['the texts of rows', `return await db.shop.query('select text from notes order by id')`, SECRET],
  [
    'the bytes of rows',
    `return (await db.shop.query('select bytes from notes order by id')).map(({ bytes }) => String.fromCharCode(...bytes))`,
    SECRET,
  ],
  ['the name of a column', `return await db.shop.query('select 1 as "' + input.join('') + '"')`, PLAIN],
  [
    'an error of SQL',
    `const held = input.join(''); try { await db.shop.query('select "' + held + '" frm') } catch ({ message, hint }) { console.log(message, hint) } await db.shop.query('select * from "' + held + '"')`,
    PLAIN,
  ],
]

describe('a secret that lies in files and rows', () => {
  it.each(CASES)('is redacted in %s, for the guest as on record', async (_, code, secret) => {
    const { everything } = await run(code, secret, true)
    expect(everything).toContain(MARK)
    expect(formsIn(everything, secret)).toEqual([])
  })

  it.each(CASES)('would be found in %s by a policy that does not know it', async (_, code, secret) => {
    const { everything } = await run(code, secret, false)
    expect(formsIn(everything, secret).length).toBeGreaterThan(0)
  })
})

/** What the guest itself keeps lies in the store as it is; what is handed out and written down of it is what counts. */
const KEPT: readonly (readonly [string, string])[] = [
  ['a value', `await kv.put('a', input.join('')); return await kv.get('a')`],
  ['a key', `await kv.put(input.join(''), 1); return await kv.list('')`],
]

describe('a secret that a tool puts together and keeps', () => {
  it.each(KEPT)('is redacted in %s of kv, for the guest as on record', async (_, code) => {
    const { handedOut } = await run(code, PLAIN, true)
    expect(handedOut).toContain(MARK)
    expect(formsIn(handedOut, PLAIN)).toEqual([])
  })

  it.each(KEPT)('would be found in %s by a policy that does not know it', async (_, code) => {
    expect(formsIn((await run(code, PLAIN, false)).handedOut, PLAIN).length).toBeGreaterThan(0)
  })
})
