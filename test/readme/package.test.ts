import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkout, startProgram } from '../harness/command-line.ts'

type Manifest = {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as Manifest

/** What a release would hold, without building one. */
const shippedFiles = async (): Promise<string[]> => {
  const { exit, stdout } = await startProgram('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
    .ended
  expect(exit).toBe(0)
  const answer = JSON.parse(stdout) as { files: { path: string }[] }[]
  return answer.flatMap(({ files }) => files.map(({ path }) => path))
}

test('the package holds all that it promises, and nothing of how it is made', async () => {
  const files = await shippedFiles()
  const promised = [
    ...Object.values(manifest.bin),
    ...Object.values(manifest.exports).flatMap((one) => Object.values(one)),
  ]
    .filter((path) => path.startsWith('./'))
    .map((path) => path.slice(2))
  expect(promised.length).toBeGreaterThan(8)
  expect(
    [
      ...promised,
      'dist/cage/main.mjs',
      'dist/children/db.mjs',
      'dist/children/bundler.mjs',
      'LICENSE',
      'README.md',
      'SECURITY.md',
    ].filter((path) => !files.includes(path)),
  ).toEqual([])
  const strays = /^(test|bench|examples|src|runtime|toolchain|dist\/src\/build)\/|tsbuildinfo|\.tollgate/
  expect(files.filter((path) => strays.test(path))).toEqual([])
})

test('every file that an entry of the package names is built', () => {
  const targets = Object.values(manifest.exports).flatMap((one) =>
    typeof one === 'string' ? [one] : Object.values(one),
  )
  expect(targets.filter((path) => !existsSync(join(checkout, path)))).toEqual([])
})

test('no Node binary is dragged along: the toolchain of the checkout is no dependency of the package', () => {
  expect(Object.keys(manifest.dependencies).filter((name) => /^node(-|$)|toolchain/.test(name))).toEqual([])
  expect(manifest).not.toHaveProperty('optionalDependencies')
})
