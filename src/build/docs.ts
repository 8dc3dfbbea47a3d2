/** Writes the generated sections of the README; with --check it only says whether they are up to date (exit 1 if not). */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandReference } from './docs-commands.ts'
import { errorReference } from './docs-errors.ts'
import { policyReference } from './docs-policy.ts'
import { platformShare } from './docs-platform.ts'
import { fillSections } from './docs-sections.ts'
import { dataFigures, soakFigures, speedFigures } from './docs-figures.ts'

const path = join(import.meta.dirname, '..', '..', 'README.md')
const standing = readFileSync(path, 'utf8')
const generated = fillSections(standing, {
  commands: commandReference(),
  data: dataFigures(),
  errors: errorReference(),
  platform: platformShare(),
  policy: policyReference(),
  soak: soakFigures(),
  speed: speedFigures(),
})

if (!process.argv.includes('--check')) writeFileSync(path, generated)
else if (generated !== standing) {
  process.stderr.write('README.md is not what the code says: run `npm run docs`.\n')
  process.exitCode = 1
}
