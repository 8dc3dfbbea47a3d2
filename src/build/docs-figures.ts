import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const RESULTS = join(import.meta.dirname, '..', '..', 'bench', 'results')

const kept = (name: string, command: string): string => {
  const path = join(RESULTS, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : `Not measured yet: \`${command}\`.`
}

/** What the last soak measured, as it is kept in the repository. */
export const soakFigures = (): string => kept('soak.md', 'npm run soak')

/** Machine, aims and rivals of the last whole `npm run bench`: the head of its report, before the single questions. */
export const speedFigures = (): string =>
  kept('report.md', 'npm run bench').split('\n## ', 1)[0]?.trim() ?? ''
