import * as z from 'zod'
import { readGlob } from './glob.ts'
import { problemOfName } from './path.ts'

/** What is read or written in one piece crosses to the guest as JSON. */
const FILE_KB_MAX = 16 * 1024
const TOTAL_KB_MAX = 1024 * 1024
const MEMORY_KB_MAX = 64 * 1024
const STAGED_FILES_MAX = 10_000
const MOUNTS_MAX = 64

const positive = (max: number): z.ZodNumber => z.number().positive().max(max)

const place = z.string().superRefine((text, refinement) => {
  const names = text.slice(1).split('/')
  const problem = names.map(problemOfName).find((one) => one !== undefined)
  const message = text.startsWith('/') ? problem && `the path ${problem}` : 'a path starts with /'
  if (message !== undefined) refinement.addIssue({ code: 'custom', message })
})

const glob = z.string().superRefine((text, refinement) => {
  const read = readGlob(text)
  if (typeof read === 'string') refinement.addIssue({ code: 'custom', message: read })
})

const mount = z
  .strictObject({
    path: place.describe('where the guest finds it: /in'),
    source: z
      .string()
      .min(1)
      .max(4096)
      .refine((text) => !text.includes('\0'), 'must have no NUL')
      .optional()
      .describe('folder of the host; relative ones stand beside the policy. A scratch mount has none'),
    mode: z
      .enum(['read', 'overlay', 'write', 'scratch'])
      .describe(
        'read; overlay: changes stay in memory, and are committed when the run has succeeded; write (at once); scratch: in memory, gone when the run ends',
      ),
    allow: z
      .array(glob)
      .max(1000)
      .optional()
      .describe(
        'globs of the files that may be read and, where the mode says so, written: *, ** and ?; none covers a hidden name unless it writes the dot. Must be given where there is a source',
      ),
    max_file_kb: positive(FILE_KB_MAX).default(1024).describe('one file, read or written'),
    max_total_kb: positive(TOTAL_KB_MAX)
      .default(10_240)
      .describe('bytes read in a task, and as many written; of a mount in memory: also what it holds'),
    max_files: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1000)
      .describe('files and folders made in a task; also the entries that one call looks at'),
    max_depth: z.int().min(1).max(64).default(16).describe('names below the mount'),
    ask: z
      .enum(['always', 'never', 'once_per_run'])
      .optional()
      .describe(
        'when a human must approve: of an overlay its commit, else each call; default: what removes files of the host asks',
      ),
  })
  .superRefine((entry, refinement) => {
    const report = (key: string, message: string): void =>
      refinement.addIssue({ code: 'custom', path: [key], message })
    const isInMemory = entry.mode === 'scratch' || entry.mode === 'overlay'
    if (isInMemory && entry.max_total_kb > MEMORY_KB_MAX)
      report('max_total_kb', `must be at most ${MEMORY_KB_MAX} where the mount is in memory`)
    if (entry.mode === 'overlay' && entry.max_files > STAGED_FILES_MAX)
      report('max_files', `must be at most ${STAGED_FILES_MAX} where changes are staged`)
    if (entry.mode === 'scratch') {
      if (entry.source !== undefined) report('source', 'a scratch mount is in memory and has no source')
      if (entry.allow !== undefined)
        report('allow', 'a scratch mount holds only what the tool writes; it takes no globs')
    } else {
      if (entry.source === undefined) report('source', 'is missing; it must be a folder of the host')
      if (entry.allow === undefined) report('allow', 'is missing; it must list globs: ["**"] for every file')
    }
  })

/** `permissions.filesystem`: mounts. What grants nothing (`false`, `none`, an empty list) becomes null. */
export const fsSchema = z
  .union([
    z
      .array(mount)
      .max(MOUNTS_MAX)
      .superRefine((mounts, refinement) => {
        for (const [index, { path }] of mounts.entries()) {
          const other = mounts.findIndex((one, at) => at !== index && `${path}/`.startsWith(`${one.path}/`))
          if (other !== -1)
            refinement.addIssue({
              code: 'custom',
              path: [index, 'path'],
              message: `lies within the mount ${JSON.stringify(mounts[other]?.path)}`,
            })
        }
      }),
    z.literal([false, 'none']),
  ])
  .transform((mounts) => (Array.isArray(mounts) && mounts.length > 0 ? mounts : null))
  .describe('Files. Mounts, or null, false or none.')

export type MountDocument = z.output<typeof mount>
