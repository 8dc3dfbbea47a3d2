import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const RESULTS = join(import.meta.dirname, '..', '..', 'bench', 'results')

const kept = (name: string, command: string): string => {
  const path = join(RESULTS, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : `Not measured yet: \`${command}\`.`
}

/** What the last soak measured, as it is kept in the repository. */
export const soakFigures = (): string => kept('soak.md', 'npm run soak')

const headOf = (report: string): string => report.split('\n## ', 1)[0]?.trim() ?? ''

/** What rows of a database and files cost beside the same work in the host, as it was last asked alone. */
export const dataFigures = (): string => headOf(kept('data.md', 'npm run bench -- rows file-read'))

/** Machine, aims and rivals of the last whole `npm run bench`: the head of its report, before the single questions. */
export const speedFigures = (): string => headOf(kept('report.md', 'npm run bench'))
