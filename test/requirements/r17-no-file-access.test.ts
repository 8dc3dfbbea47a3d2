import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { openGateOf } from '../run/gates.ts'

const REACH = `const attempts = {
    capability: () => capabilities.fs.read('/etc/passwd'),
    require: () => require('fs').readFileSync('/etc/passwd'),
    process: () => process.binding('fs'),
    import: () => import('node:fs'),
    importFile: () => import('/etc/passwd'),
    fetch: () => fetch('file:///etc/passwd'),
    deno: () => Deno.readTextFile('/etc/passwd'),
    worker: () => new Worker('file:///etc/passwd'),
  }
  const reached = {}
  for (const [name, attempt] of Object.entries(attempts)) {
    try { reached[name] = String(await attempt()).slice(0, 20) } catch { reached[name] = 'nothing' }
  }
  return reached`

it.each([{}, { permissions: { filesystem: null } }, { permissions: { filesystem: [] } }])(
  'R17: filesystem none is no file access at all: %j',
  async (policy) => {
    await using gate = await openGateOf({})
    const { value, usage } = await gate.run({ code: REACH, policy })
    expect(new Set(Object.values(value as object))).toEqual(new Set(['nothing']))
    // fetch is a class of the web: it left as a call of http, which is not granted.
    expect(usage).toMatchObject({ calls: 1, byOp: { 'http.request': { calls: 1, denied: 1 } } })
  },
)

it('R17: a granted database is no way to other files', async () => {
  using shop = openShop()
  await using gate = await openGateOf({})
  const files = [
    "select readfile('/etc/passwd')",
    "attach '/etc/passwd' as p",
    "select load_extension('/etc/x')",
  ]
  const { verdicts } = await askShop(gate, shopPolicy(shop), files)
  for (const verdict of verdicts) expect(verdict).toMatch(/^DENIED_(?:STATEMENT|NAME) at /)
})

it('R17: an import of a file or a module fails before anything runs', async () => {
  await using gate = await openGateOf({})
  for (const specifier of ['node:fs', 'fs', './secret.ts', 'file:///etc/passwd']) {
    const { error } = await gate.run({
      code: `import it from '${specifier}'\nexport default () => it`,
      policy: {},
    })
    expect(error).toMatchObject({ code: 'GUEST_IMPORT', gate: 'cage' })
  }
})
