import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const built = [
  { output: 'dist/cage/main.mjs', sources: ['runtime', 'src/cage'] },
  // The compiler writes it whenever it has looked at all sources.
  { output: 'dist/src.tsbuildinfo', sources: ['src'] },
]

const newestMs = (folder: string): number =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .reduce((newest, name) => Math.max(newest, statSync(join(root, folder, name)).mtimeMs), 0)

const problem = (): string | undefined => {
  for (const { output, sources } of built) {
    const found = statSync(join(root, output), { throwIfNoEntry: false })
    if (found === undefined) return `${output} does not exist`
    if (sources.some((folder) => newestMs(folder) > found.mtimeMs))
      return `${output} is older than its sources`
  }
  return undefined
}

/**
 * Tests start the built cage and the built command line, so a stale build would test yesterday's code. `npm test` builds first; whoever calls vitest by
 * hand is warned, and in CI the run stops.
 */
export function setup(): void {
  const found = problem()
  if (found === undefined) return
  const advice = `${found}: run \`npm run build\` first`
  if (process.env['CI'] !== undefined) throw new Error(advice)
  process.stderr.write(`\n  ${advice}\n\n`)
}
