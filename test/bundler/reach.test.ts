import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult, Tollgate } from '../../src/index.ts'
import { createBundler } from '../../src/run/bundler-process.ts'
import { openFolder, type Folder } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'

const SECRET = 'what the host keeps'
const CODE = `module.exports = { secret: '${SECRET}' }`

let gate: Tollgate
let openReach: Tollgate
let folder: Folder
beforeAll(async () => {
  gate = await openGate()
  openReach = await openGate({
    powers: { bundler: createBundler({ entry: join(import.meta.dirname, 'open-child.ts') }) },
  })
  folder = openFolder({
    'secret.json': JSON.stringify({ secret: SECRET }),
    'vault/linked/index.js': CODE,
    'other/node_modules-of-mine/plain/index.js': CODE,
    'tool/.env.json': JSON.stringify({ secret: SECRET }),
    'tool/.git/config.js': CODE,
    'tool/node_modules/climbs/package.json': JSON.stringify({ name: 'climbs', main: '../../../secret.json' }),
    'tool/node_modules/reaches/index.js': `module.exports = require('../../../secret.json')`,
    'tool/package.json': JSON.stringify({ name: 'tool', imports: { '#up': './up.json' } }),
    'tool/tsconfig.json': JSON.stringify({ compilerOptions: { paths: { aliased: ['../secret.json'] } } }),
    'misnamed/tool.js': '',
  })
  const link = (target: string, name: string): void => {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true })
    symlinkSync(join(folder.path, target), join(folder.path, name))
  }
  link('secret.json', 'tool/link.json')
  link('vault', 'tool/folder-link')
  link('secret.json', 'tool/up.json')
  link('vault/linked', 'tool/node_modules/linked')
  link('other/node_modules-of-mine', 'misnamed/node_modules')
  execFileSync('mkfifo', [join(folder.path, 'tool/pipe.json')])
  symlinkSync('/dev/zero', join(folder.path, 'tool/zero.json'))
})
afterAll(async () => {
  await Promise.all([gate.close(), openReach.close()])
  folder[Symbol.dispose]()
})

const run = (by: Tollgate, source: string, name = 'tool/tool.js'): Promise<RunResult> => {
  folder.write({ [name]: source })
  return by.run({ file: join(folder.path, name), policy: {} })
}
const importing = (specifier: string): string =>
  `import { secret } from '${specifier.replace('FOLDER', folder.path)}'\nexport default () => secret`

/** Paths that lead to the secret where every file is in reach. */
const WAYS = [
  ['a relative path', '../secret.json'],
  ['a detour through the folder of packages', './node_modules/../../secret.json'],
  ['a link to a file', './link.json'],
  ['a link to a folder', './folder-link/linked/index.js'],
  ['a link among the packages', 'linked'],
  ['a package whose main file is elsewhere', 'climbs'],
  ['a package that imports from elsewhere', 'reaches'],
  ['a name of the manifest that leads to a link', '#up'],
  ['a hidden file', './.env.json'],
  ['a hidden folder', './.git/config.js'],
] as const

describe('a file out of reach does not come into a tool', () => {
  it.each(WAYS)('by %s', async (_, specifier) => {
    const result = await run(gate, importing(specifier))
    expect(result.error).toMatchObject({ code: 'GUEST_IMPORT', gate: 'cage' })
    expect(JSON.stringify(result)).not.toContain(SECRET)
    expect(JSON.stringify(result)).not.toContain(folder.path)
  })

  it.each(WAYS)('and would without that lock, by %s', async (_, specifier) => {
    expect(await run(openReach, importing(specifier))).toMatchObject({ status: 'done', value: SECRET })
  })

  it.each([
    'FOLDER/secret.json',
    'file://FOLDER/secret.json',
    'aliased',
    'https://127.0.0.1/secret.js',
    'data:text/javascript,export const secret = 1',
    'node:fs/../secret.json',
  ])('by a name that is no relative path, whatever is in reach: %s', async (specifier) => {
    for (const by of [gate, openReach]) {
      const { error } = await run(by, importing(specifier))
      expect(error).toMatchObject({ code: 'GUEST_IMPORT', gate: 'cage' })
      const written = specifier.replace('FOLDER', folder.path)
      expect(error?.message.replace(written, '')).not.toContain(folder.path)
    }
  })

  it('by a folder of packages that is a link to one of another name', async () => {
    const { error } = await run(gate, importing('plain'), 'misnamed/tool.js')
    expect(error).toMatchObject({ code: 'GUEST_IMPORT' })
  })

  it('by a computed path, which does not tell either what is there', async () => {
    const told = async (path: string): Promise<unknown> => {
      const { error } = await run(gate, `const n = 'secret'\nexport default () => import(\`${path}\`)`)
      return [error?.code, error?.message, error?.hint]
    }
    const there = await told('../${n}.json')
    expect(there).toMatchObject(['GUEST_IMPORT', expect.any(String), expect.any(String)])
    expect(await told('../${n}.nothing.json')).toEqual(there)
  })

  it('and whether it exists is not told', async () => {
    const told = async (specifier: string): Promise<string | undefined> =>
      (await run(gate, importing(specifier))).error?.message.replaceAll(specifier, '')
    expect(await told('../secret.json')).toBe(await told('../no-such.json'))
  })

  it.each(['./pipe.json', './zero.json'])(
    'nor does what is no regular file, and nobody waits: %s',
    async (specifier) => {
      expect((await run(gate, importing(specifier))).error).toMatchObject({ code: 'GUEST_IMPORT' })
    },
  )

  it.each(['./notes.txt', './addon.node', './page.tsx'])(
    'nor does what is no code: %s',
    async (specifier) => {
      folder.write({ [join('tool', specifier)]: 'x' })
      expect((await run(gate, importing(specifier))).error).toMatchObject({
        code: 'GUEST_IMPORT',
        message: expect.stringContaining('neither JavaScript, TypeScript nor JSON') as string,
      })
    },
  )

  it('and its name is not in the bundle, nor that of any folder of the host', async () => {
    folder.write({
      'tool/common.cjs': 'exports.stack = () => new Error("here").stack\nexports.own = String(module)',
    })
    const { value } = await run(
      gate,
      `import { stack } from './common.cjs'\nexport default () => [stack(), ...Object.keys(globalThis)]`,
    )
    expect(JSON.stringify(value)).not.toContain(folder.path.split('/').at(-1))
  })
})
