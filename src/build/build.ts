/** Bundles kernel and watchdog into texts, the cage with those texts inside into dist/cage, the processes of capabilities and the bundler into dist/children, and the library into dist/lib. Run after tsc. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleBundler, bundleCage, bundleChild, bundleKernel, bundleWatchdog, bundleWeb } from './bundle.ts'
import { bundleLibrary } from './bundle-library.ts'

const root = join(import.meta.dirname, '..', '..')
// The compiled copy of this file lies one folder deeper.
const checkout = root.endsWith('dist') ? join(root, '..') : root

/** Every capability that has a process of its own has its entry in `child/main.ts`. */
async function bundleChildren(): Promise<void> {
  const capabilities = join(checkout, 'src', 'capabilities')
  const folder = join(checkout, 'dist', 'children')
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(capabilities))
    if (existsSync(join(capabilities, name, 'child', 'main.ts')))
      writeFileSync(join(folder, `${name}.mjs`), await bundleChild(checkout, name))
  writeFileSync(join(folder, 'bundler.mjs'), await bundleBundler(checkout))
}

try {
  const texts = {
    kernel: await bundleKernel(checkout),
    web: await bundleWeb(checkout),
    watchdog: await bundleWatchdog(checkout),
  }
  const folder = join(checkout, 'dist', 'cage')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'main.mjs'), await bundleCage(checkout, texts))
  writeFileSync(join(folder, 'self-attack.mjs'), await bundleCage(checkout, texts, 'self-attack.ts'))
  await bundleChildren()
  await bundleLibrary(checkout)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
