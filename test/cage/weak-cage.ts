import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { bundleCage, bundleKernel, bundleWatchdog, bundleWeb } from '../../src/build/bundle.ts'
import { root } from '../conventions/project.ts'

/** Takes other text for some files of the kernel. */
const swap = (texts: Readonly<Record<string, string>>): Plugin => ({
  name: 'swap',
  setup(bundler) {
    for (const [path, contents] of Object.entries(texts)) {
      const filter = new RegExp(`/${path.replaceAll('.', '\\.')}$`)
      bundler.onLoad({ filter }, () => ({ contents, loader: 'ts' }))
    }
  },
})

/**
 * Builds a cage whose kernel has other text for some of its files (paths below the checkout), and returns its entry. For
 * negative controls: what the real kernel stops must get through here, or the test proves nothing.
 */
export const weakCage = async (name: string, texts: Readonly<Record<string, string>>): Promise<string> => {
  const kernel = await bundleKernel(root, { plugins: [swap(texts)] })
  const folder = join(root, 'dist', 'weak')
  mkdirSync(folder, { recursive: true })
  const entry = join(folder, `${name}.mjs`)
  const [web, watchdog] = [await bundleWeb(root), await bundleWatchdog(root)]
  writeFileSync(entry, await bundleCage(root, { kernel, web, watchdog }))
  return entry
}
