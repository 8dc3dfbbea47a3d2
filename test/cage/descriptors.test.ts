import { spawnSync, type StdioOptions } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const HOST = join(import.meta.dirname, 'inheriting-host.ts')
/** Node closes those that it inherits under low numbers itself. */
const HIGH = 250

it('a process that is started for a cage gets nothing that its host has inherited', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-descriptors-'))
  const file = join(folder, 'ledger')
  const opened = openSync(file, 'w')
  const stdio: StdioOptions = Array.from({ length: HIGH + 1 }, (_, at) =>
    at === HIGH ? opened : at === 1 || at === 2 ? 'pipe' : 'ignore',
  )
  const { stdout, stderr } = spawnSync(process.execPath, [HOST, String(HIGH)], { stdio, encoding: 'utf8' })
  closeSync(opened)
  rmSync(folder, { recursive: true })
  expect(stderr).toBe('')
  // Without the care it is there, which shows that the care is what takes it away.
  expect(JSON.parse(stdout)).toEqual({ careful: '/dev/null', careless: file })
})
