import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where `npm run soak` keeps the Markdown of what it measured. */
const RESULTS = join(import.meta.dirname, '..', '..', 'bench', 'results', 'soak.md')

/** What the last soak measured, as it is kept in the repository. */
export function soakFigures(): string {
  return existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : 'Not measured yet: `npm run soak`.'
}
