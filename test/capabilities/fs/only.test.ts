import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { filePolicy, openFolder } from '../../harness/files.ts'
import { openGateOf, withGrant, type Replace } from '../../run/gates.ts'

const PROGRAM = `
  const weak = fs.only(input.caveats)
  const told = []
  for (const [verb, ...args] of input.calls)
    told.push(await weak[verb](...args).then((value) => value ?? 'ok', ({ code, gate }) => code + ' at ' + gate))
  return told`

type Calls = readonly (readonly [verb: string, ...args: string[]])[]

const FILES = { 'in/a.txt': 'a', 'in/b/c.txt': 'c', 'inside/d.txt': 'd', 'in/*/e.txt': 'e' }

const askIn = async (folder: string, caveats: object, calls: Calls, replace?: Replace) => {
  await using gate = await openGateOf({}, replace)
  const allow = ['**']
  const mounts = [
    { path: '/in', mode: 'read', allow, source: join(folder, 'in') },
    { path: '/inside', mode: 'write', allow, source: join(folder, 'inside') },
    { path: '/tmp', mode: 'scratch' },
  ]
  const result = await gate.run({ code: PROGRAM, policy: filePolicy(mounts), input: { caveats, calls } })
  return result.value ?? result.error
}

const ask = async (caveats: object, calls: Calls, replace?: Replace) => {
  using folder = openFolder(FILES)
  return await askIn(folder.path, caveats, calls, replace)
}

const DENIED = 'DENIED_CAVEAT at authorize'

describe('fs.only()', () => {
  it('leaves what lies under a folder, name by name', async () => {
    const calls: Calls = [
      ['readText', '/in/a.txt'],
      ['readText', '/in/b/c.txt'],
      ['readText', '/inside/d.txt'],
      ['list', '/in/b'],
      ['list', '/'],
      ['exists', '/in'],
      ['readText', '/in/../inside/d.txt'],
      ['readText', '/in//b/c.txt'],
      ['write', '/inside/x', 'x'],
    ]
    const path = 'DENIED_FILE_PATH at authorize'
    const listed = [{ name: 'c.txt', kind: 'file', sizeBytes: 1 }]
    expect(await ask({ under: '/in' }, calls)).toEqual([
      'a',
      'c',
      DENIED,
      listed,
      DENIED,
      true,
      path,
      path,
      DENIED,
    ])
    expect(await ask({ under: ['/in/b', '/inside'] }, calls)).toEqual([
      DENIED,
      'c',
      'd',
      listed,
      DENIED,
      DENIED,
      path,
      path,
      'ok',
    ])
  })

  it('leaves what only reads', async () => {
    using folder = openFolder(FILES)
    const told = await askIn(folder.path, { mode: 'read' }, [
      ['readText', '/inside/d.txt'],
      ['write', '/inside/d.txt', 'x'],
      ['append', '/tmp/x', 'x'],
      ['remove', '/inside/d.txt'],
      ['mkdir', '/tmp/y'],
      ['rename', '/inside/d.txt', '/inside/e.txt'],
    ])
    expect(told).toEqual(['d', DENIED, DENIED, DENIED, DENIED, DENIED])
    expect(readFileSync(join(folder.path, 'inside/d.txt'), 'utf8')).toBe('d')
  })

  it('looks at both ends of a rename', async () => {
    const calls: Calls = [
      ['mkdir', '/tmp/mine'],
      ['write', '/tmp/mine/a', 'a'],
      ['rename', '/tmp/mine/a', '/tmp/b'],
      ['rename', '/tmp/b', '/tmp/mine/b'],
      ['rename', '/tmp/mine/a', '/tmp/mine/c'],
    ]
    expect(await ask({ under: '/tmp/mine' }, calls)).toEqual(['ok', 'ok', DENIED, DENIED, 'ok'])
  })

  it('counts a pattern by its names before a wildcard, and a folder that is named like one is none of them', async () => {
    const glob = (pattern: string) => ['glob', pattern] as const
    const patterns = ['/in/b/*', '/in/**', '/in/b*/c.txt', '/**', '/in/?/c.txt'].map(glob)
    expect(await ask({ under: '/in/b' }, patterns)).toEqual([
      ['/in/b/c.txt'],
      DENIED,
      DENIED,
      'DENIED_FILE_PATH at authorize',
      DENIED,
    ])
    const star: Calls = [
      ['readText', '/in/*/e.txt'],
      ['glob', '/in/*/c.txt'],
    ]
    expect(await ask({ under: '/in/*' }, star)).toEqual(['e', DENIED])
  })

  it.each([[{ under: 'in' }], [{ under: '/in/..' }], [{ under: 5 }], [{ path: '/in' }]])(
    'takes what it cannot read for nothing at all: %o',
    async (caveats) => {
      expect(await ask(caveats, [['readText', '/in/a.txt']])).toEqual(['GUEST_ARGUMENTS at authorize'])
    },
  )

  it('negative control: caveats that restrict nothing leave everything', async () => {
    const careless = withGrant('filesystem', (grant) => ({
      ...grant,
      attenuation: { caveats: { under: z.unknown().optional() }, attenuate: () => (judgement) => judgement },
    }))
    expect(await ask({ under: '/tmp' }, [['readText', '/in/a.txt']], careless)).toEqual(['a'])
  })
})
