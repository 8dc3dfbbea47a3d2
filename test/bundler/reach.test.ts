import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult, Tollgate } from '../../src/index.ts'
import { createBundler, type Bundler } from '../../src/run/bundler-process.ts'
import { openFolder, type Folder } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'

const SECRET = 'what the host keeps'
/** Holds one file, inner.js. */
const ARCHIVE =
  'UEsDBBQAAAAAAAAAIQB5crTyFwAAABcAAAAIAAAAaW5uZXIuanNleHBvcnQgY29uc3Qgc2VjcmV0ID0gMVBLAQIUAxQAAAAAAAAAIQB5crTyFwAAABcAAAAIAAAAAAAAAAAAAACAAQAAAABpbm5lci5qc1BLBQYAAAAAAQABADYAAAA9AAAAAAA='
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

  it('by a link that is put in the place of the tool once its text was read', async () => {
    folder.write({ 'swapped/tool.js': '', 'beside-the-secret.js': '' })
    const place = join(folder.path, 'swapped/tool.js')
    const honest = createBundler()
    const swaps = (isFollowed: boolean): Bundler => ({
      bundle(question, signal) {
        rmSync(place)
        symlinkSync(join(folder.path, 'beside-the-secret.js'), place)
        return honest.bundle({ ...question, ...(isFollowed && { file: realpathSync(place) }) }, signal)
      },
    })
    for (const isFollowed of [false, true]) {
      rmSync(place, { force: true })
      await using by = await openGate({ powers: { bundler: swaps(isFollowed) } })
      const result = await run(by, importing('./secret.json'), 'swapped/tool.js')
      expect(JSON.stringify(result).includes(SECRET)).toBe(isFollowed)
    }
  })

  it('by a manifest that is a link, of which nothing is told', async () => {
    folder.write({ 'keys.txt': 'SECRETword: 1', 'tool/node_modules/tells/index.js': CODE })
    symlinkSync(join(folder.path, 'keys.txt'), join(folder.path, 'tool/node_modules/tells/package.json'))
    const result = await run(gate, importing('tells'))
    expect(result.error).toMatchObject({ code: 'GUEST_SYNTAX' })
    expect(JSON.stringify(result)).not.toContain('SECRETword')
  })

  it('by a computed path to files of its own, which would take in all of them', async () => {
    folder.write({ 'tool/data/a.json': '1' })
    const { error } = await run(gate, "const n = 'a'\nexport default () => import(`./data/${n}.json`)")
    expect(error).toMatchObject({
      code: 'GUEST_IMPORT',
      message: expect.stringContaining('computed') as string,
    })
  })

  it.each([
    ['a socket', './socket.js'],
    ['a name within an archive', './archive.zip/inner.js'],
  ])('nor is the folder told that it stands in: %s', async (_, specifier) => {
    const listener = createServer().listen(join(folder.path, 'tool/socket.js'))
    await once(listener, 'listening')
    writeFileSync(join(folder.path, 'tool/archive.zip'), Buffer.from(ARCHIVE, 'base64'))
    const { error } = await run(gate, importing(specifier))
    listener.close()
    expect(error).toMatchObject({ code: 'GUEST_IMPORT' })
    expect(error?.message).not.toContain(folder.path)
  })

  it.each(['a"b\'c.cjs', 'a\nb.cjs', 'a\u2028b.cjs'])(
    'nor is it in the bundle of a file %j',
    async (name) => {
      folder.write({ [join('tool', name)]: 'exports.stack = new Error("here").stack' })
      const { value } = await run(
        gate,
        `import { stack } from ${JSON.stringify(`./${name}`)}\nexport default () => stack`,
      )
      expect(value).toEqual(expect.stringContaining('Error: here'))
      expect(value).not.toContain(folder.path.split('/').at(-1))
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
