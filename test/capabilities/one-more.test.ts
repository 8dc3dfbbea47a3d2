import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkout, openFolder } from '../harness/command-line.ts'

const capabilities = join(checkout, 'src', 'capabilities')
const guide = readFileSync(join(capabilities, 'README.md'), 'utf8')

describe('the guide to one more capability', () => {
  it('names each file that kv is made of', () => {
    const named = [...guide.matchAll(/`NAME\/([a-zA-Z-]+\.(?:ts|md))`/gu)].map(([, file]) => file)
    const expected = named.map((file) => (file === 'NAME.ts' ? 'kv.ts' : file))
    // The rest is what a grant grew too large for.
    const files = readdirSync(join(capabilities, 'kv')).filter((file) => file !== 'action-pattern.ts')
    expect(new Set(files)).toEqual(new Set(expected))
  })

  it('is right that only the registry imports it', () => {
    const importers = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith(join('capabilities', 'kv')))
      .filter((file) => /from '[^']*\/kv\/[^']*'/u.test(readFileSync(join(checkout, 'src', file), 'utf8')))
    expect(importers).toEqual([join('capabilities', 'registry.ts')])
  })
})

const lineOf = (folder: string): RegExp =>
  new RegExp(`^ *(?:\\(\\) => ${folder}|create${folder})Capability,$`, 'iu')

/** What the compiler says of a copy of the project without this capability; `keepsLine`: with its registry line. */
const compileWithout = (folder: string, keepsLine: boolean): string => {
  using copy = openFolder()
  for (const name of ['src', 'runtime', 'tsconfig.base.json', 'tsconfig.json', 'package.json'])
    cpSync(join(checkout, name), join(copy.path, name), { recursive: true })
  symlinkSync(join(checkout, 'node_modules'), join(copy.path, 'node_modules'))
  rmSync(join(copy.path, 'src', 'capabilities', folder), { recursive: true })
  const registry = join(copy.path, 'src', 'capabilities', 'registry.ts')
  const lines = readFileSync(registry, 'utf8').split('\n')
  const without = lines.filter((line) => !line.includes(`'./${folder}/`) && !lineOf(folder).test(line))
  if (!keepsLine) writeFileSync(registry, without.join('\n'))
  const compiler = join(checkout, 'node_modules', 'typescript', 'bin', 'tsc')
  const { stdout } = spawnSync(process.execPath, [compiler, '-b', 'runtime', 'src'], {
    cwd: copy.path,
    encoding: 'utf8',
  })
  return stdout
}

describe('deleting a capability’s folder and its registry line', () => {
  it.each(['kv', 'fs', 'db', 'http', 'exec', 'tools'])(
    'leaves a project that compiles: %s',
    { timeout: 120_000 },
    (folder) => {
      expect(compileWithout(folder, false)).toBe('')
    },
  )

  it('and is not left unseen by the compiler when the line stays', { timeout: 120_000 }, () => {
    expect(compileWithout('kv', true)).toContain('registry.ts')
  })
})
