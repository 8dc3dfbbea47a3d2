import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

type Import = { readonly path: string; readonly importer: string; readonly resolveDir: string }
type Package = { readonly folder: string; readonly browser: Readonly<Record<string, unknown>> }

const ENDINGS = ['', '.js', '.cjs', '.json', '/index.js']

/** What the packages say of themselves, of which the bundler's own answers lack one thing: what they leave out for the web. */
export class Manifests {
  readonly #byFolder = new Map<string, Package | undefined>()

  /** Whether the package of the importing file maps a module to nothing: `"browser": { "fs": false }`. */
  leavesOut({ path, importer, resolveDir }: Import): boolean {
    const found = importer.includes('/node_modules/') ? this.#packageOf(resolveDir) : undefined
    if (found === undefined) return false
    const name = path.startsWith('.') ? `./${relative(found.folder, join(resolveDir, path))}` : path
    return ENDINGS.some((ending) => found.browser[name + ending] === false)
  }

  #packageOf(folder: string): Package | undefined {
    if (this.#byFolder.has(folder)) return this.#byFolder.get(folder)
    const above = dirname(folder)
    const found = read(folder) ?? (above === folder ? undefined : this.#packageOf(above))
    this.#byFolder.set(folder, found)
    return found
  }
}

function read(folder: string): Package | undefined {
  try {
    const { name, browser } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >
    // A manifest that only says in which form the files of a folder are has no name.
    if (name === undefined && browser === undefined) return undefined
    return { folder, browser: typeof browser === 'object' && browser !== null ? { ...browser } : {} }
  } catch {
    return undefined
  }
}
