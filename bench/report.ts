import { cpus, release, totalmem, type } from 'node:os'
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import type { Measurement } from './question.ts'

export type Report = {
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly questions: readonly {
    readonly name: string
    readonly asks: string
    readonly rows: readonly Measurement[]
  }[]
}

const versionOf = (name: string): string => {
  const path = findPackageJSON(name, import.meta.url)
  return path === undefined
    ? 'unknown'
    : (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** The machine and the versions that figures stand for. */
export const surroundings = (): Pick<Report, 'machine' | 'versions'> => {
  const [cpu] = cpus()
  const memoryGb = Math.round(totalmem() / 1024 ** 3)
  return {
    machine: `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${memoryGb} GB, ${type()} ${release()}`,
    versions: {
      tollgate: versionOf('tollgate'),
      node: process.versions.node,
      v8: process.versions.v8,
      'isolated-vm': versionOf('isolated-vm'),
    },
  }
}

/** `63 µs`, `0.79 ms`, `12 ms`. */
export const formatTime = (ms: number): string => {
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`
}

const held = ({ p50Ms, aimMs }: Measurement): string =>
  aimMs === undefined ? '' : p50Ms <= aimMs ? 'yes' : '**no**'

const rowOf = (row: Measurement): string[] => [
  row.what,
  row.by,
  formatTime(row.p50Ms),
  formatTime(row.p99Ms),
  String(row.samples),
  row.aimMs === undefined ? '' : `p50 under ${formatTime(row.aimMs)}`,
  held(row),
]

const table = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `| ${row.join(' | ')} |`).join('\n')

/** A report as Markdown: where it was measured, then a table for each question. */
export const formatMarkdown = ({ machine, versions, questions }: Report): string => {
  const head = ['what', 'by', 'p50', 'p99', 'samples', 'aim', 'held']
  const parts = questions.map(({ name, asks, rows }) =>
    [`**${name}**: ${asks}`, table([head, head.map(() => '---'), ...rows.map(rowOf)])].join('\n\n'),
  )
  const told = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [`${machine}; ${told.join(', ')}`, ...parts].join('\n\n')
}
