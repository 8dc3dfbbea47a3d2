import { POSTGRES_FUNCTIONS } from './functions.ts'

/** Something that is wrong with an entry, and where in it. */
export type EntryProblem = { readonly path: readonly (string | number)[]; readonly message: string }

type Entry = {
  readonly file?: string | undefined
  readonly url?: string | null | undefined
  readonly role?: string | null | undefined
  readonly read: Readonly<Record<string, unknown>>
  readonly functions: readonly string[]
}

/** Longest name that PostgreSQL keeps whole, in bytes. */
const NAME_BYTES_MAX = 63

/** What an entry says that PostgreSQL cannot do, or lacks. */
export const postgresProblems = ({ file, url, role, read, functions }: Entry): readonly EntryProblem[] => [
  ...(file === undefined
    ? []
    : [{ path: ['file'], message: 'is of SQLite; a PostgreSQL database has a url' }]),
  ...(typeof url === 'string' ? [] : [{ path: ['url'], message: 'is missing; it is secret:NAME' }]),
  ...(typeof role === 'string'
    ? []
    : [{ path: ['role'], message: 'is missing; a role of its own holds what is granted' }]),
  ...(/^(?:pg_|public$|none$)/iu.test(role ?? '')
    ? [{ path: ['role'], message: 'is a name of the engine itself' }]
    : []),
  ...Object.keys(read)
    .filter((table) => /^pg_/iu.test(table))
    .map((table) => ({ path: ['read', table], message: 'must not be a table of the engine itself' })),
  ...namesOf(role, read)
    .filter(([, name]) => Buffer.byteLength(name) > NAME_BYTES_MAX)
    .map(([path]) => ({ path, message: `is a name of more than ${NAME_BYTES_MAX} bytes` })),
  ...functionProblems(functions, POSTGRES_FUNCTIONS, 'PostgreSQL'),
]

/** Functions that the engine lacks, or with which more is done than to compute. */
export const functionProblems = (
  functions: readonly string[],
  known: readonly string[],
  engine: string,
): readonly EntryProblem[] =>
  functions.flatMap((name, at) =>
    known.includes(name)
      ? []
      : [{ path: ['functions', at], message: `is no function of ${engine} that can be granted` }],
  )

const namesOf = (
  role: string | null | undefined,
  read: Entry['read'],
): readonly (readonly [readonly (string | number)[], string])[] => [
  [['role'], role ?? ''],
  ...Object.keys(read).map((table) => [['read', table], table] as const),
]
