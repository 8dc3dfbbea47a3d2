import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Outcome } from '../capability.ts'
import { commitFiles, finishCommits, whileLocked } from './file-commit.ts'
import type { OverlayTree } from './overlay-tree.ts'
import type { FsPowers } from './powers.ts'
import { digestOfChanges, type Manifest } from './staged-change.ts'

/** Changes that a record names one by one. */
const NAMED_MAX = 20
const NAMED_SIZE_MAX = 2_000

const namesOf = ({ listed, changes }: Manifest): string => {
  const named: string[] = []
  let left = NAMED_SIZE_MAX
  for (const { verb, path } of listed.slice(0, NAMED_MAX)) {
    left -= path.length
    if (left > 0) named.push(`${verb} ${path}`)
  }
  return named.join(', ') + (changes > named.length ? ` and ${changes - named.length} more` : '')
}

/** Commits what a run staged in a mount, when it is still what was judged and approved. */
export async function commitOverlay(
  tree: OverlayTree,
  manifest: Manifest,
  terms: { readonly runId: string; readonly signal: AbortSignal },
  powers: FsPowers,
): Promise<Outcome> {
  const changes = tree.changes()
  if (digestOfChanges(changes) !== manifest.sha256)
    throw new TollgateError('APPROVAL_MISMATCH', 'What is staged is not what was to be committed.', {
      notPerformed: true,
    })
  const { root } = tree.lower
  await whileLocked(powers.commits, terms.signal, async () => {
    assertFinished((await finishCommits(powers)).unfinished, root.identity)
    const contentAt = (path: string): Uint8Array => tree.contentAt(path)
    await commitFiles({ id: `${terms.runId} ${manifest.path}`, root, changes, contentAt }, powers)
  })
  return {
    value: null,
    ingressBytes: 0,
    egressBytes: 0,
    facts: { changes: manifest.changes, bytes: manifest.bytes, committed: namesOf(manifest) },
  }
}

/** Throws where a folder is half changed by a commit that could not be carried out yet. */
export function assertFinished(unfinished: ReadonlySet<string>, identity: string): void {
  if (unfinished.has(identity))
    throw new TollgateError(
      'UPSTREAM_FILE',
      'An earlier commit to this folder could not be finished yet; the folder is half changed.',
      { hint: 'Free space or mend permissions there; it is then finished by itself.', notPerformed: true },
    )
}
