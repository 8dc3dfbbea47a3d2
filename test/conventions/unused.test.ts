import { join } from 'node:path'
import { expect, it } from 'vitest'
import { canaries, root, runTool } from './project.ts'

type Issue = {
  file: string
  files: unknown[]
  exports: { name: string }[]
  types: { name: string }[]
  dependencies: { name: string }[]
}

const names = (entries: { name: string }[]): string[] => entries.map(({ name }) => name)

it('knip finds a planted unused file, export, type and dependency', async () => {
  const config = join(root, 'knip.json')
  const args = ['--directory', join(canaries, 'unused'), '--config', config, '--reporter', 'json']
  const { code, stdout } = await runTool('knip', args)
  const { issues } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { issues: Issue[] }
  expect(code).toBe(1)
  expect(issues.filter(({ files }) => files.length > 0).map(({ file }) => file)).toEqual([
    'src/unused-file.ts',
  ])
  expect(issues.flatMap(({ exports }) => names(exports))).toEqual(['unusedExport'])
  expect(issues.flatMap(({ types }) => names(types))).toEqual(['UnusedType'])
  expect(issues.flatMap(({ dependencies }) => names(dependencies))).toEqual(['commander'])
})
