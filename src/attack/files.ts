import { attempting, changedInside, refused, refusedInTurn, type Attempt, type Attempts } from './attempts.ts'
import { ALWAYS, endedBy, holds, isDone, lastOf, returned } from './checks.ts'
import type { AttackCase, Check, Evidence, World } from './evidence.ts'
import { ODD_NAMES } from './planted-world.ts'

const LIMITS = { max_tool_calls: 20_000, max_duration_seconds: 30, max_cpu_seconds: 30, max_memory_mb: 128 }

const mountOf = ({ mounted }: World, entry: object = {}): object => ({
  path: '/data',
  source: mounted,
  mode: 'write',
  allow: ['**'],
  ask: 'never',
  ...entry,
})
const policyWith = (filesystem: readonly object[]): object => ({
  permissions: { tools: { report: {}, note: {} }, filesystem },
  limits: LIMITS,
})
const policyOf =
  (entry: object = {}) =>
  (world: World): object =>
    policyWith([mountOf(world, entry)])

const files = (attempts: Omit<Attempts, 'at'>) => attempting({ at: 'fs', ...attempts })
const reading = (paths: readonly string[]): Attempt[] => paths.map((path) => ['readText', path])

const fileCase = (
  id: string,
  what: string,
  setup: AttackCase['setup'] & object,
  checks: readonly Check[],
  tell: NonNullable<AttackCase['tell']>,
): AttackCase => ({ id, group: 'F', what, setup, checks: [...checks, ...ALWAYS], tell })

/** It works on, for the same run. */
const READ: Attempt = ['readText', '/data/ok.csv']

const PATHS = [
  '/data/../secret.csv',
  '/data/./../secret.csv',
  '/data/sub/../../secret.csv',
  '/data/..',
  '../secret.csv',
  'data/ok.csv',
  '',
  '//data/ok.csv',
  '/data//ok.csv',
  '/data\\..\\secret.csv',
  '/data/..\\secret.csv',
  '/data/ok.csv\0.png',
  '/data/ok\u00a0.csv',
  '/data/cafe\u0301.csv',
  '/data/\ud800.csv',
  `/data/${'a'.repeat(5_000)}`,
  `/data/${'a/'.repeat(2_500)}a`,
  '/data-evil/secret.csv',
  '/secret.csv',
  '/etc/passwd',
  '/proc/self/environ',
  '/DATA/ok.csv',
  '/data/%2e%2e/secret.csv',
  '/data/sub..%2fsecret.csv',
  '/data/\u2026/secret.csv',
]
const OUT = '/data/../new.csv'
const MOVES: readonly Attempt[] = [
  ['write', OUT, 'x'],
  ['append', OUT, 'x'],
  ['mkdir', OUT],
  ['remove', '/data/../secret.csv'],
  ['list', '/data/..'],
  ['stat', '/data/../secret.csv'],
  ['rename', '/data/ok.csv', OUT],
  ['rename', '/data/../secret.csv', '/data/mine.csv'],
  ['glob', '/data/../*'],
]

const LINKS = ['file', 'relative', 'chain', 'chain2', 'dangling', 'loop']
const at = (name: string): string => `/data/links/${name}`
const FOLLOWED: readonly Attempt[] = [
  ...reading([...LINKS, 'folder/secret.csv', 'inward/ok.csv', 'self/environ'].map(at)),
  ...LINKS.map((name): Attempt => ['write', at(name), 'x']),
  ['write', at('folder/new.csv'), 'x'],
  ['append', at('file'), 'x'],
  ['mkdir', at('folder/made')],
  ['mkdir', at('dangling/made')],
  ['remove', at('folder/secret.csv')],
  ['rename', at('file'), '/data/copy.csv'],
  ['rename', '/data/ok.csv', at('folder/ok.csv')],
  ['list', at('folder')],
  ['stat', at('file')],
]

/** Reads and writes below a folder that somebody swaps with a link meanwhile. */
const RACE_MS = 300
const RACE = `
const endMs = Date.now() + ${RACE_MS}
while (Date.now() < endMs)
  await Promise.all(Array.from({ length: 8 }, async (_, n) => {
    let text = 'inside'
    try {
      if (n === 7) await fs.write('/data/swapped/f.csv', 'inside')
      else text = await fs.readText('/data/swapped/f.csv')
    } catch {}
    if (text !== 'inside') await tools.report({ got: text })
  }))`

const callsThat = ({ records }: Evidence, areRefused: boolean): number =>
  records.filter(
    ({ event, facts: { op, code } }) =>
      event === 'call' && op === 'fs.read' && (code !== undefined) === areRefused,
  ).length

const places: readonly AttackCase[] = [
  fileCase(
    'H41',
    'write a path in a way that leads out of its mount',
    { policy: policyOf(), runs: () => [files({ refused: [...reading(PATHS), ...MOVES], last: [READ] })] },
    [
      isDone,
      refused(
        'fs',
        PATHS.length + MOVES.length,
        /^(?:DENIED_FILE_PATH|UPSTREAM_FILE_MISSING|GUEST_ARGUMENTS)$/,
      ),
      returned(['inside']),
      changedInside(),
    ],
    () => 'all refused; a path stays under its mount',
  ),
  fileCase(
    'H42',
    'follow links out of a mount, in chains and dangling',
    { policy: policyOf(), runs: () => [files({ refused: FOLLOWED, last: [READ] })] },
    [isDone, refused('fs', FOLLOWED.length, /^DENIED_FILE_KIND$/), returned(['inside']), changedInside()],
    () => 'all refused; no link is followed',
  ),
  fileCase(
    'H42',
    'read and write in a folder that is swapped with a link',
    { policy: policyOf(), runs: () => [{ code: RACE }], swapsFolder: true },
    [
      isDone,
      { ...holds('no call met the folder', (seen) => callsThat(seen, false) > 0), isTiming: true },
      { ...holds('no call met the link', (seen) => callsThat(seen, true) > 0), isTiming: true },
    ],
    (seen) => `${callsThat(seen, false)} reads met the folder, ${callsThat(seen, true)} were refused`,
  ),
]

const odd = (name: string): Attempt[] => {
  const path = `/data/odd/${name}.csv`
  return [
    ['readText', path],
    ['append', path, 'x'],
    ['write', path, 'x'],
    ['rename', path, '/data/copy.csv'],
  ]
}
const FILES_MAX = 12
const DEPTH_MAX = 8
const BOUNDED: readonly Attempt[] = [
  ['readText', '/data/odd/sparse.csv'],
  ['append', '/data/odd/sparse.csv', 'x'],
  ['list', '/data/many'],
  ['glob', '/data/many/*'],
  ['glob', '/data/**'],
  ['mkdir', `/data/deep${'/d'.repeat(DEPTH_MAX)}`],
  ['readText', `/data/deep/${'d/'.repeat(24)}end.csv`],
]
const MANY: readonly Attempt[] = Array.from({ length: FILES_MAX }, (_, n) => [
  'write',
  `/data/new-${n}.csv`,
  'x',
])
const MADE = MANY.map(([, path]) => `${String(path).slice('/data/'.length)}: file 600 x`).toSorted()
const ODD = [...odd('fifo'), ...odd('hard')]

/** Every op that changes something. */
const CHANGES: readonly Attempt[] = [
  ['write', '/in/ok.csv', 'x'],
  ['append', '/in/ok.csv', 'x'],
  ['mkdir', '/in/made'],
  ['remove', '/in/ok.csv'],
  ['rename', '/in/ok.csv', '/in/moved.csv'],
  ['rename', '/in/ok.csv', '/data/moved.csv'],
  ['rename', '/data/old.csv', '/in/moved.csv'],
]
const TAKING: readonly Attempt[] = [
  ['rename', '/data/ok.csv', '/data/old.csv'],
  ['write', '/data/.tollgate-0', 'x'],
  ['readText', '/data/.tollgate-0'],
  ['write', '/data', 'x'],
  ['remove', '/data'],
]

const contents: readonly AttackCase[] = [
  fileCase(
    'H43',
    'open a FIFO, a hard link, a terabyte; make too many',
    {
      policy: policyOf({ max_files: FILES_MAX, max_depth: DEPTH_MAX }),
      runs: () => [
        files({ first: MANY, refused: [...ODD, ...BOUNDED, ['write', '/data/more.csv', 'x']], last: [READ] }),
      ],
    },
    [
      isDone,
      refusedInTurn('fs', [
        ...ODD.map(() => 'DENIED_FILE_KIND'),
        'LIMIT_FILE_SIZE',
        'LIMIT_FILE_SIZE',
        ...BOUNDED.slice(2).map(() => 'LIMIT_FILES'),
        'LIMIT_FILES',
      ]),
      changedInside(...MADE),
      returned(['inside']),
    ],
    () => 'all refused, and nothing waited for',
  ),
  fileCase(
    'H44',
    'write where only reading is granted, rename, keep modes',
    {
      policy: (world) =>
        policyWith([
          { path: '/in', source: `${world.mounted}/sub`, mode: 'read', allow: ['**'] },
          mountOf(world),
        ]),
      runs: () => [
        files({
          first: [
            ['write', '/data/old.csv', 'new'],
            ['write', '/data/fresh.csv', 'new'],
          ],
          refused: [...CHANGES, ...TAKING],
          last: [['readText', '/in/ok.csv']],
        }),
      ],
    },
    [
      isDone,
      refused(
        'fs',
        CHANGES.length + TAKING.length,
        /^(?:DENIED_FILE_MODE|DENIED_FILE_PATH|UPSTREAM_FILE_EXISTS)$/,
      ),
      changedInside('fresh.csv: file 600 new', 'old.csv: file 600 new'),
      returned(['inside']),
    ],
    () => 'all refused; what was granted is written whole, with mode 0600',
  ),
  fileCase(
    'H44',
    'stage changes in a run that fails',
    {
      policy: policyOf({ mode: 'overlay' }),
      runs: () => [
        files({
          first: [
            ['write', '/data/ok.csv', 'new'],
            ['write', '/data/fresh.csv', 'new'],
            ['mkdir', '/data/made'],
            ['remove', '/data/old.csv'],
          ],
          refused: [],
          fails: true,
        }),
      ],
    },
    [
      endedBy('GUEST_THREW'),
      holds('nothing was staged', (seen) => (lastOf(seen)?.usage.calls ?? 0) === 4),
      changedInside(),
    ],
    () => 'nothing of it is on the disk',
  ),
]

const LIST_NAMES = `
await tools.note({ data: await fs.list('/data/names') })
await tools.note({ data: await fs.glob('/data/names/**') })`
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u
const RESERVED = ['con', 'NUL.txt', 'com1', 'dot.', 'space ']
const NAMED: readonly Attempt[] = [
  ...reading(ODD_NAMES.map((name) => `/data/names/${name}`)),
  ...[...ODD_NAMES, ...RESERVED].map((name): Attempt => ['write', `/data/${name}`, 'x']),
]

/** The listing has them all, escaped, and a search none of them, for no path can say such a name. */
const areEscaped = ({ noted: [listed, found] }: Evidence): boolean =>
  Array.isArray(listed) &&
  listed.length === ODD_NAMES.length &&
  listed.every((entry) => !UNPRINTABLE.test(String((entry as { name?: unknown }).name))) &&
  Array.isArray(found) &&
  found.length === 0

/** F. Files: H41 to H45. */
export const FILE_CASES: readonly AttackCase[] = [
  ...places,
  ...contents,
  fileCase(
    'H45',
    'use names with new lines, ANSI and bidi in them',
    {
      policy: policyOf(),
      runs: () => [{ code: LIST_NAMES }, files({ refused: NAMED })],
      verifies: true,
    },
    [
      isDone,
      refused('fs', NAMED.length, /^DENIED_FILE_PATH$/),
      holds('a listing has names as they are', areEscaped),
      holds(
        'a record or a line of the log has them',
        ({ records, logLines }) =>
          logLines.length > 0 &&
          [...logLines, ...records.map(({ facts }) => String(facts['subject']))].every(
            (text) => !UNPRINTABLE.test(text),
          ),
      ),
      changedInside(),
    ],
    () => 'escaped in listing, record and log; none can be opened or made',
  ),
]
