import { hash } from 'node:crypto'
import * as z from 'zod'
import { canonicalJson } from '../../canonical/canonical-json.ts'

/** The content of a file, by which it is known again. */
export type Content = { readonly sizeBytes: number; readonly sha256: string }

/** What a commit does at one place. `base`: what stands there, and is replaced or removed; without one, nothing does. */
export type Change = {
  /** Below the mount. */
  readonly path: string
  readonly verb: 'make_folder' | 'create' | 'replace' | 'remove' | 'remove_folder'
  readonly content?: Content
  readonly base?: Content
}

/** Changes that a human sees one by one; the digest covers all. */
const LISTED_MAX = 200
/** Characters of the paths and the differences that are listed. */
const LISTED_SIZE_MAX = 256 * 1024

const listed = z.strictObject({
  path: z.string(),
  verb: z.enum(['make_folder', 'create', 'replace', 'remove', 'remove_folder']),
  bytes: z.int().optional(),
  sha256: z.string().optional(),
  base_sha256: z.string().optional(),
  diff: z.string().optional(),
})

/** Arguments of `fs.commit`: what is committed, exactly, and as much of it as a human can read. */
export const manifestSchema = z.strictObject({
  path: z.string(),
  /** Over every change with the digests of its contents. */
  sha256: z.string(),
  changes: z.int(),
  removals: z.int(),
  bytes: z.int(),
  listed: z.array(listed).max(LISTED_MAX),
})

export type Manifest = z.output<typeof manifestSchema>
export type ListedChange = z.output<typeof listed>

/** The content of bytes. */
export const contentOf = (bytes: Uint8Array): Content => ({
  sizeBytes: bytes.length,
  sha256: hash('sha256', bytes),
})

/** The digest of all that is to be changed. */
export const digestOfChanges = (changes: readonly Change[]): string => hash('sha256', canonicalJson(changes))

/** Whether something is gone afterwards. */
export const isRemoval = ({ verb }: Change): boolean => verb === 'remove' || verb === 'remove_folder'

/** The manifest of a mount; `diffOf` shows the difference of one change. */
export function manifestOf(
  path: string,
  changes: readonly Change[],
  diffOf: (change: Change) => string | undefined,
): Manifest {
  const list: ListedChange[] = []
  let left = LISTED_SIZE_MAX
  for (const change of changes.slice(0, LISTED_MAX)) {
    left -= change.path.length
    if (left < 0) break
    const diff = diffOf(change)
    const isShown = diff !== undefined && diff.length <= left
    if (isShown) left -= diff.length
    list.push({
      path: `${path}/${change.path}`,
      verb: change.verb,
      ...(change.content && { bytes: change.content.sizeBytes, sha256: change.content.sha256 }),
      ...(change.base && { base_sha256: change.base.sha256 }),
      ...(isShown && { diff }),
    })
  }
  return {
    path,
    sha256: digestOfChanges(changes),
    changes: changes.length,
    removals: changes.filter(isRemoval).length,
    bytes: changes.reduce((sum, { content }) => sum + (content?.sizeBytes ?? 0), 0),
    listed: list,
  }
}
