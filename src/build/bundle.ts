import { join, relative, sep } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { KERNEL_GLOBAL } from '../../runtime/abi/inside.ts'

type Offence = { readonly importer: string; readonly wanted: string }

const isInside = (path: string, folder: string): boolean => path.startsWith(folder + sep)

/** The libraries that the web classes are made of; what they import must be of them as well. */
const WEB_LIBRARIES =
  /\/node_modules\/(core-js|@exodus\/bytes|web-streams-polyfill|event-target-shim|@ungap\/structured-clone)\//

/** Notes every import by which a script of the guest would reach outside runtime/, but for the libraries that it may have. */
const fence = (folder: string, offences: Offence[], libraries?: RegExp): Plugin => ({
  name: 'fence',
  setup(bundler) {
    bundler.onResolve({ filter: /.*/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === 'resolving' || kind === 'entry-point') return undefined
      const found = await bundler.resolve(path, { importer, resolveDir, kind, pluginData: 'resolving' })
      const isKnown = isInside(found.path, folder) || libraries?.test(found.path) === true
      const isFine = found.errors.length === 0 && !found.external && isKnown
      if (isFine) return found
      offences.push({ importer: relative(join(folder, '..'), importer), wanted: path })
      return { path, external: true }
    })
  },
})

const offenceText = (offences: readonly Offence[]): string =>
  [
    'The kernel runs in an isolate, where only the language itself exists. These imports leave runtime/:',
    ...offences.map(({ importer, wanted }) => `  ${importer} imports '${wanted}'`),
    'Move what both sides need into runtime/abi/, write what is small again on primordials, or do the work in the host.',
  ].join('\n')

/** What a bundle is made from, where it is not the project's own; tests build weaker kernels by it. */
export type BundleParts = { readonly entry?: string; readonly plugins?: readonly Plugin[] }

/**
 * Bundles runtime/main.ts into the text of one script, which leaves its exports in the global variable KERNEL_GLOBAL. A script
 * and not a module, because the engine caches the code of scripts only: that saves a third of an isolate's start.
 * Throws an Error that lists every import that leaves runtime/.
 */
export const bundleKernel = async (checkout: string, parts: BundleParts = {}): Promise<string> => {
  const offences: Offence[] = []
  const result = await build({
    entryPoints: [parts.entry ?? join(checkout, 'runtime', 'main.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'kernel',
    banner: { js: "(function(){'use strict';" },
    footer: { js: `globalThis.${KERNEL_GLOBAL}=kernel})()` },
    platform: 'neutral',
    target: 'es2024',
    charset: 'utf8',
    legalComments: 'none',
    minifyWhitespace: true,
    logLevel: 'silent',
    plugins: [fence(join(checkout, 'runtime'), offences), ...(parts.plugins ?? [])],
  })
  if (offences.length > 0) throw new Error(offenceText(offences))
  return result.outputFiles[0]?.text ?? ''
}

/**
 * Bundles runtime/web/main.ts into the text of one script, which leaves its way in at the global variable WEB_GLOBAL.
 * Throws an Error that lists every import that leaves runtime/ and is of none of the libraries.
 */
export const bundleWeb = async (checkout: string): Promise<string> => {
  const offences: Offence[] = []
  const result = await build({
    entryPoints: [join(checkout, 'runtime', 'web', 'main.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2024',
    charset: 'utf8',
    legalComments: 'none',
    minifyWhitespace: true,
    logLevel: 'silent',
    plugins: [fence(join(checkout, 'runtime'), offences, WEB_LIBRARIES)],
  })
  if (offences.length > 0) throw new Error(offenceText(offences))
  return result.outputFiles[0]?.text ?? ''
}

/** The addon is loaded from the path that the launcher passes on: in its box a cage finds no package. */
const ADDON_MODULE =
  'const holder = { exports: {} }; process.dlopen(holder, process.argv[2]); export default holder.exports.ivm'

const addon: Plugin = {
  name: 'addon',
  setup(bundler) {
    bundler.onResolve({ filter: /^isolated-vm$/ }, ({ path }) => ({ path, namespace: 'addon' }))
    bundler.onLoad({ filter: /.*/, namespace: 'addon' }, () => ({ contents: ADDON_MODULE, loader: 'js' }))
  },
}

/** Texts that the cage's entry carries inside itself. */
export type CageTexts = { readonly kernel: string; readonly web: string; readonly watchdog: string }

const bundleForNode = async (
  entry: string,
  format: 'esm' | 'cjs',
  define: Readonly<Record<string, string>>,
  external: string[] = [],
): Promise<string> => {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format,
    platform: 'node',
    target: 'node24',
    charset: 'utf8',
    legalComments: 'none',
    plugins: [addon],
    external,
    define,
    logLevel: 'silent',
  })
  return result.outputFiles[0]?.text ?? ''
}

/** Bundles what runs in the thread beside the loop; a script, for that is what a thread takes as text. */
export const bundleWatchdog = (checkout: string): Promise<string> =>
  bundleForNode(join(checkout, 'src', 'cage', 'watchdog.ts'), 'cjs', {})

/** Bundles an entry of src/cage, with the texts inside it, into one module for Node that imports nothing else. */
export const bundleCage = (
  checkout: string,
  { kernel, web, watchdog }: CageTexts,
  entry = 'main.ts',
): Promise<string> =>
  bundleForNode(join(checkout, 'src', 'cage', entry), 'esm', {
    KERNEL_SOURCE: JSON.stringify(kernel),
    WEB_SOURCE: JSON.stringify(web),
    WATCHDOG_SOURCE: JSON.stringify(watchdog),
  })

/** Bundles what runs in the process of a capability into one module for Node that imports nothing else. */
export const bundleChild = (checkout: string, capability: string): Promise<string> =>
  bundleForNode(join(checkout, 'src', 'capabilities', capability, 'child', 'main.ts'), 'esm', {})

/** Packages that stand beside the process that bundles tools: one of them is a program. */
const BESIDE = ['esbuild', '@jridgewell/trace-mapping']

/** Bundles what runs in the process that bundles tools. */
export const bundleBundler = (checkout: string): Promise<string> =>
  bundleForNode(join(checkout, 'src', 'bundler', 'child', 'main.ts'), 'esm', {}, BESIDE)
