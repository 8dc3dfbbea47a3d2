import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PLACE = ['test', 'runtime', 'web', 'platform', 'expectations.json']
const FILE = join(import.meta.dirname, '..', '..', ...PLACE)

type File = { readonly passed: number; readonly failed: number; readonly why?: string }
type Expectations = { readonly release: string; readonly files: Readonly<Record<string, File>> }

const percent = (passed: number, failed: number): string =>
  `${((passed / Math.max(1, passed + failed)) * 100).toFixed(1)} %`

/** How many of the Web Platform Tests pass, by folder, and why the others do not; a test runs them and keeps the file true. */
export const platformShare = (): string => {
  const { release, files } = JSON.parse(readFileSync(FILE, 'utf8')) as Expectations
  const areas = new Map<string, { passed: number; failed: number; why: Set<string> }>()
  for (const [path, { passed, failed, why }] of Object.entries(files)) {
    const folder = path.startsWith('dom/')
      ? 'dom/abort'
      : path.replace(/^(html\/webappapis\/)?([^/]+)\/.*/, '$2')
    const area = areas.get(folder) ?? { passed: 0, failed: 0, why: new Set<string>() }
    area.passed += passed
    area.failed += failed
    if (why !== undefined) area.why.add(why)
    areas.set(folder, area)
  }
  const rows = [...areas].map(
    ([area, { passed, failed, why }]) =>
      `| ${area} | ${passed} | ${failed} | ${percent(passed, failed)} | ${[...why].join('; ')} |`,
  )
  const sum = (key: 'passed' | 'failed'): number =>
    Object.values(files).reduce((total, file) => total + file[key], 0)
  const [passed, failed] = [sum('passed'), sum('failed')]
  return [
    `Of ${passed + failed} tests in ${Object.keys(files).length} files (${release}), **${percent(passed, failed)}** pass.`,
    '',
    '| area | pass | fail | share | what fails, and why |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}
