import { symlinkSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insteadOf } from '../../src/bundler/instead.ts'
import type { RunResult, Tollgate } from '../../src/index.ts'
import { checkout, openFolder, tollgate, type Folder } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'

let gate: Tollgate
let folder: Folder
beforeAll(async () => {
  gate = await openGate()
  folder = openFolder()
  symlinkSync(join(checkout, 'node_modules'), join(folder.path, 'node_modules'))
})
afterAll(async () => {
  await gate.close()
  folder[Symbol.dispose]()
})

const run = (files: Readonly<Record<string, string>>, input: unknown = null): Promise<RunResult> => {
  folder.write(files)
  return gate.run({ file: join(folder.path, Object.keys(files)[0] ?? ''), input, policy: {} })
}

describe('a tool takes in', () => {
  it.each<[string, Readonly<Record<string, string>>, unknown]>([
    [
      'TypeScript beneath it',
      {
        'a.ts': `import { n } from './lib/n.ts'\nexport default () => n`,
        'lib/n.ts': 'export enum N { Seven = 7 }\nexport const n: number = N.Seven',
      },
      7,
    ],
    [
      'what its name leaves open',
      {
        'b.ts': `import { n } from './lib/m'\nimport { k } from './lib/k.js'\nexport default () => n + k`,
        'lib/m.ts': 'export const n = 1',
        'lib/k.ts': 'export const k = 2',
      },
      3,
    ],
    [
      'JSON',
      {
        'c.js': `import data from './data.json'\nexport default () => data.list`,
        'data.json': '{"list":[1,2]}',
      },
      [1, 2],
    ],
    [
      'CommonJS',
      {
        'd.mjs': `import one, { two } from './old.cjs'\nexport default () => [one.two, two]`,
        'old.cjs': 'exports.two = 2',
      },
      [2, 2],
    ],
    [
      'modules that import each other',
      {
        'e.ts': `import { odd } from './odd.ts'\nexport const even = (n: number): boolean => n === 0 || odd(n - 1)\nexport default () => even(4)`,
        'odd.ts': `import { even } from './e.ts'\nexport const odd = (n: number): boolean => n !== 0 && even(n - 1)`,
      },
      true,
    ],
    [
      'a module when it is asked for',
      {
        'f.ts': `export default async () => (await import('./late.ts')).late`,
        'late.ts': 'export const late = 7',
      },
      7,
    ],
    [
      'a module into a script body',
      { 'g.ts': `const { late } = await import('./late.ts')\nreturn [late, typeof console]` },
      [7, 'object'],
    ],
    [
      'types, which are nothing to bundle',
      { 'h.ts': `import type { Gone } from './no-such-file.ts'\nexport default (x: Gone) => x` },
      null,
    ],
  ])('%s', async (_, files, value) => {
    expect(await run(files)).toMatchObject({ status: 'done', value })
  })

  it('and its digest is that of the bundle', async () => {
    const tool = `import { n } from './digest.ts'\nexport default () => n`
    const digests = []
    for (const n of [1, 2, 1])
      digests.push(
        (await run({ 'digest-tool.ts': tool, 'digest.ts': `export const n = ${n} // a comment ${n}` }))
          .toolDigest,
      )
    expect(digests[0]).not.toBe(digests[1])
    expect(digests[0]).toBe(digests[2])
  })

  it('which is the same wherever the folder stands', async () => {
    const files = {
      'tool.js': `import { n } from './old.cjs'\nimport once from 'once-over'\nexport default () => n + once`,
      'old.cjs': 'exports.n = 1',
      'node_modules/once-over/index.js': 'module.exports = 2',
    }
    const digests = []
    for (const place of ['here', 'here/or/there']) {
      folder.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [join(place, name), text])))
      const { value, toolDigest } = await gate.run({ file: join(folder.path, place, 'tool.js'), policy: {} })
      expect(value).toBe(3)
      digests.push(toolDigest)
    }
    expect(digests[1]).toBe(digests[0])
  })

  it('by the command line as well', async () => {
    folder.write({ 'cli.ts': `import ms from 'ms'\nexport default (input: string) => ms(input)` })
    const { exit, stdout } = await tollgate([
      'run',
      join(folder.path, 'cli.ts'),
      '--input',
      '"1m"',
      '--json',
      '--state',
      ':memory:',
    ])
    expect([exit, JSON.parse(stdout)]).toMatchObject([0, { status: 'done', value: 60_000 }])
  })
})

describe('a module of Node', () => {
  it.each([
    ['node:fs', /`fs`/],
    ['fs/promises', /permissions\.filesystem/],
    ['http', /`fetch`/],
    ['node:child_process', /permissions\.tools/],
    ['crypto', /crypto\.subtle\.digest/],
    ['node:sqlite', /`db`/],
    ['node:stream', /ReadableStream/],
    ['events', /EventTarget/],
    ['node:no_such', /policy/],
  ])('names what to use instead: %s', async (name, hint) => {
    const expected = {
      code: 'GUEST_IMPORT',
      gate: 'cage',
      message: expect.stringContaining(`'${name}'`) as string,
      hint: expect.stringMatching(hint) as string,
    }
    const source = `import it from '${name}'\nexport default () => it`
    expect((await run({ 'node.ts': source })).error).toMatchObject(expected)
    expect((await gate.run({ code: source, policy: {} })).error).toMatchObject(expected)
  })

  it('is known, each of them', () => {
    expect(builtinModules.filter((name) => !name.startsWith('_') && insteadOf(name) === undefined)).toEqual(
      [],
    )
  })

  it('that a package asks for within try is not there, and the package goes on', async () => {
    const files = {
      'tries.js': `import { found } from './asks.cjs'\nexport default () => found`,
      'asks.cjs': 'try { exports.found = typeof require("crypto") } catch { exports.found = "nothing" }',
    }
    expect(await run(files)).toMatchObject({ status: 'done', value: 'nothing' })
  })
})

// prettier-ignore
const FAULTY: readonly (readonly [string, Readonly<Record<string, string>>, string, string])[] = [
  ['a package that is not installed', { 'p.ts': `\nimport it from 'no-such-package'\nexport default () => it` }, 'GUEST_IMPORT', `'no-such-package', which is not installed, or the package has nothing by that name (p.ts:2)`],
  ['a file that is not there', { 'q.ts': `import it from './lost.ts'\nexport default () => it` }, 'GUEST_IMPORT', `'./lost.ts', which is not there (q.ts:1)`],
  ['a file that does not parse', { 'r.ts': `import './bad.ts'\nexport default () => 1`, 'bad.ts': '\nlet x = = 1' }, 'GUEST_SYNTAX', '(bad.ts:2:9)'],
  ['JSON that is none', { 's.ts': `import x from './bad.json'\nexport default () => x`, 'bad.json': '{,' }, 'GUEST_SYNTAX', '(bad.json:1:'],
  ['a name that is not exported', { 't.ts': `import { nope } from './late.ts'\nexport default () => nope` }, 'GUEST_SYNTAX', '"late.ts" for import "nope" (t.ts:1:'],
  ['a tool without a function', { 'u.ts': `import './late.ts'\nexport const x = 1` }, 'GUEST_NO_DEFAULT_EXPORT', 'default export'],
]

describe('a tool that cannot be bundled says where', () => {
  it.each(FAULTY)('%s', async (_, files, code, message) => {
    const { error } = await run(files)
    expect(error).toMatchObject({ code, gate: 'cage', message: expect.stringContaining(message) as string })
    expect(error?.message).not.toContain(folder.path)
  })

  it('and code that stands nowhere can import nothing', async () => {
    const { error } = await gate.run({ code: `import ms from 'ms'\nexport default () => ms`, policy: {} })
    expect(error).toMatchObject({
      code: 'GUEST_IMPORT',
      hint: expect.stringContaining('as a file') as string,
    })
  })

  it('and one that is too large with all that it imports is refused', async () => {
    folder.write({
      'large.ts': `import { a } from './large-part.js'\nexport default () => a.length`,
      'large-part.js': `export const a = '${'x'.repeat(5 * 1024 * 1024)}'`,
    })
    await expect(gate.run({ file: join(folder.path, 'large.ts'), policy: {} })).rejects.toMatchObject({
      code: 'CONFIG_USAGE',
    })
  })
})

describe('an error of a bundled tool points to its own sources', () => {
  const FILES = {
    'stack.ts': `import { z } from 'zod'
import { check } from './lib/check.ts'

type Input = { name: string }

export default async (input: Input) => {
  console.log(new Error('a log').stack)
  await null
  return check(z.object({ name: z.string() }), input)
}`,
    'lib/check.ts': `// a comment that is gone in the bundle
interface Parser<T> { parse(value: unknown): T }

export function check<T>(parser: Parser<T>, value: unknown): T {
  if (value === null) {

    throw new TypeError('nothing to check')
  }
  return parser.parse(value)
}`,
  }

  it('line and column, of its own files, without a path of the host', async () => {
    const { error, logs } = await run(FILES)
    expect(error).toMatchObject({ code: 'GUEST_THREW', message: 'TypeError: nothing to check' })
    expect(error?.stack).toMatch(
      /^TypeError: nothing to check\n {4}at check\d* \(lib\/check\.ts:7:11\)\n {4}at \w+ \(stack\.ts:9:10\)$/,
    )
    expect(logs[0]?.text).toMatch(/stack\.ts:7:15/)
  })

  it('and of packages', async () => {
    const { error } = await run({ 'ms.ts': `import ms from 'ms'\n\nexport default () =>\n  ms('')` })
    expect(error?.stack).toMatch(/ \(?node_modules\/ms\/index\.js:\d+:\d+\)?\n.*ms\.ts:4:3\)?$/)
    expect(error?.stack).not.toMatch(/tool\.js|\.\.\//)
  })

  it('and where the tool says otherwise by a map of its own, it is not believed', async () => {
    const map = Buffer.from('{"version":3,"sources":["/etc/passwd"],"mappings":"AAAA","names":[]}').toString(
      'base64',
    )
    const { error } = await run({
      'liar.js': `import './late.ts'\nexport default () => { throw new Error('x') }\n//# sourceMappingURL=data:application/json;base64,${map}`,
    })
    expect(error?.stack).toMatch(/liar\.js:2:\d+/)
    expect(error?.stack).not.toContain('passwd')
  })
})
