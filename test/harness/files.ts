/** A guest that makes one call on `fs` after another and tells what came of each; and folders of the host for it. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RunResult, Tollgate } from '../../src/index.ts'

/** A call: the member of `fs`, then its arguments. */
export type FileCall = readonly [verb: string, ...args: readonly unknown[]]

/** What the guest saw of it. */
export type FileSeen = {
  readonly value?: unknown
  readonly code?: string
  readonly gate?: string
  readonly message?: string
  readonly hint?: string
}

const PROGRAM = `
  const seen = []
  for (const [verb, ...args] of input) {
    try {
      if (typeof fs[verb] !== 'function') { seen.push({ code: 'no such member' }); continue }
      const value = await fs[verb](...args)
      seen.push({ value: value instanceof Uint8Array ? [...value] : value })
    } catch ({ code, gate, message, hint }) {
      seen.push({ code, gate, message, hint })
    }
  }
  return seen`

/** A policy of these mounts, with room for many calls. */
export const filePolicy = (mounts: readonly object[], rest: object = {}): object => ({
  permissions: { filesystem: mounts },
  limits: { max_tool_calls: 500, max_output_kb: 4096 },
  ...rest,
})

/** Runs the guest. Throws when it did not come to its end, for then nothing was proven. */
export async function callFiles(
  gate: Tollgate,
  policy: object,
  calls: readonly FileCall[],
  options: object = {},
): Promise<{ seen: readonly FileSeen[]; found: readonly unknown[]; result: RunResult }> {
  const result = await gate.run({ code: PROGRAM, policy, input: calls, ...options })
  if (result.status !== 'done') throw new Error(`the guest did not finish: ${JSON.stringify(result.error)}`)
  const seen = result.value as FileSeen[]
  // The value of a call, or `CODE at gate`.
  const found = seen.map(({ value, code, gate: at }) => (code === undefined ? value : `${code} at ${at}`))
  return { seen, found, result }
}

/** A new folder with these files, by relative path; removed at the end of its scope. */
export function openFolder(files: Readonly<Record<string, string | Uint8Array>> = {}): {
  readonly path: string
  [Symbol.dispose](): void
} {
  const path = mkdtempSync(join(tmpdir(), 'tollgate-files-'))
  chmodSync(path, 0o700)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Everything below a folder: files with their texts, folders with a slash at the end. */
export const treeOf = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map((entry): [string, string] => {
        const path = join(entry.parentPath, entry.name)
        const name = path.slice(folder.length + 1)
        return entry.isDirectory() ? [`${name}/`, ''] : [name, readFileSync(path, 'utf8')]
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
