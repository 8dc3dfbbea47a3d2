import type { WorstCase } from '../capability.ts'
import { isWritable, type Mount, type MountMode } from './mount.ts'

const kb = (bytes: number): string => `${Number((bytes / 1024).toFixed(2))} KB`

const ASKS = {
  always: ' A human approves each call.',
  once_per_run: ' A human approves each different call once a run.',
  never: ' No human is asked by default.',
} as const

const COMMITS = {
  always: ' They are committed when the run has succeeded, and a human has approved all of them together.',
  once_per_run:
    ' They are committed when the run has succeeded, and a human has approved all of them together.',
  never: ' They are committed when the run has succeeded.',
  default:
    ' They are committed when the run has succeeded; a human approves all of them together where a file is removed.',
} as const

const VERBS: Readonly<Record<MountMode, string>> = {
  read: 'May read files',
  overlay: 'May read files and stage changes of them',
  write: 'May read, write, rename and remove files',
  scratch: 'May read and write files in memory',
}

/** The mounts in plain words: two sentences for each. */
export const explainMounts = (mounts: readonly Mount[]): readonly string[] =>
  mounts.flatMap((mount) => [placeSentence(mount), limitSentence(mount)])

/** What may be done where. A mount without a source has no folder that could be named. */
export function placeSentence({ path, source, mode, globs, ask }: Mount): string {
  const asks = mode === 'overlay' ? COMMITS[ask ?? 'default'] : ask === undefined ? '' : ASKS[ask]
  if (globs?.length === 0) return `May reach no file in ${path}: its allow is empty.`
  const end = mode === 'scratch' ? ', gone when the run ends' : ''
  const folder = source === undefined ? '' : `, which is the folder ${JSON.stringify(source)}`
  const where = `in ${path}${end}${folder}`
  const which = globs === undefined ? '' : `, only ${globs.map(({ text }) => text).join(' and ')}`
  const removal = mode === 'write' && ask === undefined ? ' A human approves each removal.' : ''
  return `${VERBS[mode]} ${where}${which}.${asks}${removal}`
}

/** How much of it. */
export function limitSentence(mount: Mount): string {
  const { path, mode, fileBytesMax, totalBytesMax, filesMax, depthMax } = mount
  const total =
    mode === 'scratch'
      ? `holds at most ${kb(totalBytesMax)}`
      : `gives at most ${kb(totalBytesMax)} in a task${isWritable(mount) ? ', and takes as many' : ''}`
  const made = isWritable(mount) ? `; at most ${filesMax} files and folders are made` : ''
  return `${path}: a file has at most ${kb(fileBytesMax)}; the mount ${total}${made}; ${depthMax} names deep.`
}

/** What a run could do at most, given as many calls as it likes. Files stay on this machine, so nothing is sent. */
export function worstCaseOfMounts(mounts: readonly Mount[]): WorstCase {
  const unattended = mounts.some((mount) => isWritable(mount) && mount.ask !== 'always')
  return { egressBytesMax: {}, callMicroUsdMax: 0, ...(!unattended && { unattendedEffectsMax: 0 }) }
}
