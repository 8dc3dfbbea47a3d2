import { join } from 'node:path'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { brokenRules, canaries, root, runTool } from './project.ts'

type Violation = { from: string; rule: { name: string } }
type Summary = {
  violations: Violation[]
  totalCruised: number
  ruleSetUsed: { forbidden: { name: string }[] }
}
type Report = { summary: Summary }

const cruise = async (cwd: string): Promise<Report> => {
  const config = join(root, '.dependency-cruiser.mjs')
  const { stdout } = await runTool(
    'depcruise',
    ['--config', config, '--output-type', 'json', 'runtime', 'src', 'examples'],
    cwd,
  )
  return JSON.parse(stdout) as Report
}

const planted = (): string[] => {
  const tree = join(canaries, 'boundaries')
  return readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => brokenRules(readFileSync(join(tree, path), 'utf8')).map((rule) => `${rule}: ${path}`))
}

describe('who may import whom', () => {
  it('holds in the whole project', async () => {
    const { summary } = await cruise(root)
    expect(summary.totalCruised).toBeGreaterThan(20)
    expect(summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`)).toEqual([])
  })

  it('is broken by every planted offender, under the rule that was meant', async () => {
    const { summary } = await cruise(join(canaries, 'boundaries'))
    const found = new Set(summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`))
    expect(planted().filter((offence) => !found.has(offence))).toEqual([])
  })

  it('has a planted offender for every rule', async () => {
    const { summary } = await cruise(join(canaries, 'boundaries'))
    const proven = new Set(planted().map((offence) => offence.split(':')[0]))
    expect(summary.ruleSetUsed.forbidden.map(({ name }) => name).filter((name) => !proven.has(name))).toEqual(
      [],
    )
  })
})
