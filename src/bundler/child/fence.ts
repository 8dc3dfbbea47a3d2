import { basename, extname, isAbsolute, resolve } from 'node:path'
import type { Loader, OnLoadResult, OnResolveArgs, Plugin } from 'esbuild'
import { ASTRAY, type Refusal } from './faults.ts'
import { Manifests } from './manifests.ts'
import type { Reach } from './reach.ts'

/** The file that the host has read itself, by its real path. */
export type Entry = { readonly path: string; readonly text: string; readonly isScript: boolean }

const LOADERS: Readonly<Record<string, Loader>> = {
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.json': 'json',
}

const outside = (name: string): Refusal => ({
  tells: `'${name}', which lies outside the folder of the tool, or is hidden there`,
  hint: 'Put the files of the tool beneath its folder, and the tool itself at the top.',
})
const noCode = (name: string): Refusal => ({
  tells: `'${name}', which is neither JavaScript, TypeScript nor JSON`,
  hint: 'Pass other data as the input of the run, or read it by a capability.',
})
const noName = (name: string): Refusal => ({
  tells: `'${name}', which is neither a package nor a relative path`,
  hint: 'Import packages by their names and files of the tool by relative paths.',
})

const refuse = (detail: Refusal): { errors: { text: string; detail: Refusal }[] } => ({
  errors: [{ text: 'refused', detail }],
})

/** Where an import may not lead, by its text alone: whether a file out of reach exists is nothing to tell. */
function refusalOf({ path, resolveDir, kind }: OnResolveArgs, reach: Reach): Refusal | undefined {
  if (kind === 'entry-point' || path.startsWith('node:')) return undefined
  if (isAbsolute(path)) return ASTRAY
  if (/^[a-z][a-z\d+.-]*:/i.test(path)) return noName(path)
  if (!path.startsWith('.')) return undefined
  const wanted = resolve(resolveDir, path)
  return wanted === reach.folder || reach.nameOf(wanted) !== undefined ? undefined : outside(path)
}

/** Else the bundler would read the maps of packages itself, and tell of files that nobody has. */
const withoutMap = (text: string): string => text.replaceAll(/(\/[/*])[#@](?=\s*sourceMappingURL=)/g, '$1 ')

/** The space of modules that a package leaves out for the web. */
const LEFT_OUT = 'left-out'

/** Makes the bundler see only what is in reach of the tool: each import is judged, and each file is opened and read here. */
export const fence = (reach: Reach, { path: entry, text, isScript }: Entry): Plugin => ({
  name: 'fence',
  setup(bundler) {
    const manifests = new Manifests()
    bundler.onResolve({ filter: /.*/ }, (args) => {
      const refusal = refusalOf(args, reach)
      if (refusal !== undefined) return refuse(refusal)
      // The bundler knows that too, and does not tell.
      return manifests.leavesOut(args) ? { path: args.path, namespace: LEFT_OUT } : undefined
    })
    bundler.onLoad({ filter: /.*/, namespace: LEFT_OUT }, () => ({ contents: '', loader: 'empty' }))
    // Every other file, of every space: nothing is left to the bundler's own reading.
    bundler.onLoad({ filter: /.*/ }, ({ path, namespace }): OnLoadResult => {
      if (path === entry) return { contents: withoutMap(text), loader: isScript ? 'js' : 'ts' }
      const contents = namespace === 'file' ? reach.read(path) : undefined
      if (contents === undefined) return refuse(ASTRAY)
      const loader = LOADERS[extname(path)]
      return loader === undefined
        ? refuse(noCode(basename(path)))
        : { contents: withoutMap(contents), loader }
    })
  },
})
