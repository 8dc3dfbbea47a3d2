import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { brokenRules, canaries, read, runTool } from './project.ts'

type Diagnostic = { filename: string; code?: string; message: string }

const folder = join(canaries, 'lint')
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
const rulesOf = (name: string): string[] => brokenRules(readFileSync(join(folder, name), 'utf8'))

/** oxlint prints `typescript(no-explicit-any)`; its config says `typescript/no-explicit-any`. */
const ruleOf = ({ code, message }: Diagnostic): string => {
  const match = /^([a-z-]+)\(([a-z-]+)\)$/.exec(code ?? '')
  if (match === null)
    return message.startsWith('Unused oxlint-disable') ? 'unused-disable-directive' : message
  return match[1] === 'eslint' ? String(match[2]) : `${match[1]}/${match[2]}`
}

const lint = async (...args: string[]): Promise<string[]> => {
  const { stdout } = await runTool('oxlint', ['--format', 'json', ...args])
  const report = JSON.parse(stdout) as { diagnostics: Diagnostic[]; number_of_files: number }
  expect(report.number_of_files).toBeGreaterThan(10)
  return report.diagnostics.map((diagnostic) => `${ruleOf(diagnostic)}: ${basename(diagnostic.filename)}`)
}

describe('lint', () => {
  it('finds every planted fault, under the rule that was meant', async () => {
    const found = new Set(await lint(folder))
    const planted = files.flatMap((name) => rulesOf(name).map((rule) => `${rule}: ${name}`))
    expect(planted.filter((fault) => !found.has(fault))).toEqual([])
  })

  it('has a planted fault for every rule that the config names', () => {
    const config = JSON.parse(read('.oxlintrc.json')) as { rules: Record<string, unknown> }
    const proven = new Set(files.flatMap(rulesOf))
    expect(Object.keys(config.rules).filter((rule) => !proven.has(rule))).toEqual([])
  })

  it('treats every named rule as an error', () => {
    const config = JSON.parse(read('.oxlintrc.json')) as { rules: Record<string, string | [string]> }
    const lenient = Object.entries(config.rules).filter(([, level]) => [level].flat()[0] !== 'error')
    expect(lenient).toEqual([])
  })
})
