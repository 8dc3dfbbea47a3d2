import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** Root of the checkout. */
export const root = join(import.meta.dirname, '..', '..')
/** Planted bad files: each breaks the rule that its first comment names. */
export const canaries = join(import.meta.dirname, 'canaries')

const skipped = new Set(['node_modules', 'dist', 'canaries', 'coverage', '.git', '.tollgate'])

/** Every file below the named folders of the checkout, canaries left out, as `/`-separated paths relative to the root. */
export function filesBelow(...folders: string[]): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (skipped.has(entry.name)) return []
      const path = join(folder, entry.name)
      return entry.isDirectory() ? walk(path) : [relative(root, path).split(sep).join('/')]
    })
  return folders
    .map((folder) => join(root, folder))
    .flatMap((folder) => (isFolder(folder) ? walk(folder) : []))
}

/** Whether a path is a folder that exists. */
export const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** The code of the project: what is shipped, and what tests and measures it. */
export const codeFiles = (...folders: string[]): string[] =>
  filesBelow(...folders).filter((path) => /\.(ts|js|mjs)$/.test(path))

/** Every file of the project that is text, whatever it is for. */
export const textFiles = (): string[] =>
  filesBelow('.').filter((path) => !/\.(png|jpg|gif|ico|wasm|node|db)$/.test(path))

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The rules that a canary says it breaks: its comments `breaks: NAME`. */
export const brokenRules = (text: string): string[] =>
  [...text.matchAll(/^(?:\/\/|#) breaks: (\S+)$/gm)].map((match) => match[1] ?? '')

/** What a finished program printed, and how it ended. */
type Finished = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs a program to its end. Resolves whatever its exit code is; rejects when it cannot be started. */
const runProgram = (
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> =>
  new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { cwd: root, maxBuffer: 64 * 1024 * 1024, ...options },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number')
          reject(new Error(`${program} cannot be run`, { cause: error }))
        else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
      },
    )
  })

/** Runs a tool of node_modules/.bin with the Node that runs this test. */
export const runTool = (tool: string, args: readonly string[], cwd = root): Promise<Finished> =>
  runProgram(join(root, 'node_modules', '.bin', tool), args, {
    cwd,
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
    },
  })
