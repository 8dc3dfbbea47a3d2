import { join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { canaries, root, runTool } from './project.ts'

it('prettier refuses a planted untidy file', async () => {
  const file = relative(root, join(canaries, 'format', 'untidy.ts'))
  const { code, stderr } = await runTool('prettier', ['--check', '--ignore-path', '/dev/null', file])
  expect(code).toBe(1)
  expect(stderr).toContain('untidy.ts')
})
