import { CODES, type CodeEntry } from '../../runtime/abi/codes.ts'
import { table } from './docs-sections.ts'

const families: Readonly<Record<string, string>> = {
  CONFIG: 'the operator asked for something that cannot be',
  DENIED: 'the policy does not allow it',
  LIMIT: 'a budget is used up',
  APPROVAL: 'a human did not agree',
  GUEST: 'the tool itself is at fault',
  UPSTREAM: 'the other side failed',
  REPLAY: 'a run does not repeat itself',
  IDEMPOTENCY: 'a key was used before',
  INTERNAL: 'Tollgate is at fault',
}

const row = ([code, entry]: [string, CodeEntry]): string[] => [
  `\`${code}\``,
  entry.meaning,
  entry.remedy,
  entry.owner,
  entry.retryable ? 'yes' : 'no',
  String(entry.exit),
  String(entry.http),
]

const family = ([prefix, gist]: [string, string]): string => {
  const entries = Object.entries<CodeEntry>(CODES).filter(([code]) => code.startsWith(`${prefix}_`))
  const head = ['code', 'meaning', 'what to do', 'who', 'retry', 'exit', 'HTTP']
  return `**\`${prefix}_*\`**: ${gist}.\n\n${table(head, entries.map(row))}`
}

/** The error reference, from the one table of codes. Throws when a code belongs to no family. */
export function errorReference(): string {
  const strays = Object.keys(CODES).filter((code) => !Object.hasOwn(families, code.split('_')[0] ?? ''))
  if (strays.length > 0) throw new Error(`codes of no known family: ${strays.join(', ')}`)
  return Object.entries(families).map(family).join('\n\n')
}
