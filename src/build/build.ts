/** Bundles kernel and watchdog into texts, the cage with those texts inside into dist/cage, and the library into dist/lib. Run after tsc. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleCage, bundleKernel, bundleWatchdog } from './bundle.ts'
import { bundleLibrary } from './bundle-library.ts'

const root = join(import.meta.dirname, '..', '..')
// The compiled copy of this file lies one folder deeper.
const checkout = root.endsWith('dist') ? join(root, '..') : root

try {
  const texts = { kernel: await bundleKernel(checkout), watchdog: await bundleWatchdog(checkout) }
  const folder = join(checkout, 'dist', 'cage')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'main.mjs'), await bundleCage(checkout, texts))
  writeFileSync(join(folder, 'self-attack.mjs'), await bundleCage(checkout, texts, 'self-attack.ts'))
  await bundleLibrary(checkout)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
