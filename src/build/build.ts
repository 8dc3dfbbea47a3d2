/** Bundles the kernel into one text, and the cage with that text inside into dist/cage/main.js. Run after tsc. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleCage, bundleKernel } from './bundle.ts'

const root = join(import.meta.dirname, '..', '..')
// The compiled copy of this file lies one folder deeper.
const checkout = root.endsWith('dist') ? join(root, '..') : root

try {
  const kernel = await bundleKernel(checkout)
  const cage = await bundleCage(checkout, kernel)
  mkdirSync(join(checkout, 'dist', 'cage'), { recursive: true })
  writeFileSync(join(checkout, 'dist', 'cage', 'main.js'), cage)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
