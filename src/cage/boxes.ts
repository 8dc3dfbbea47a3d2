import { seccompFilter } from './seccomp.ts'
import type { Tier } from './tiers.ts'

/** What a cage is made of, as paths of the host. */
export type CageParts = {
  readonly nodePath: string
  /** The bundled entry, one file. */
  readonly entry: string
  /** The addon of isolated-vm for this Node. */
  readonly addon: string
  /** Shared libraries that Node was linked with: where the loader looks for each, and the file that is there. */
  readonly libraries: readonly { readonly path: string; readonly file: string }[]
  /** The host runs as root, so rights must be taken away that others never had. */
  readonly isRoot: boolean
  /** Node's own permission model stands before the box; without it an attack meets the box alone. */
  readonly hasPermissions: boolean
  /** A further argument for the entry. */
  readonly argument?: string
  /** `strict`: no machine code is made from guest code, at seven to nine times the cost of numeric loops. */
  readonly isJitless: boolean
}

/** A command line that starts a cage. */
export type Box = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Bytes that the launcher hands over on descriptor 4. */
  readonly filter?: Uint8Array
}

/** Time zone and language are fixed, so that every machine shows the guest the same; nothing else of the host's is there. */
const ENVIRONMENT = { TZ: 'UTC', LANG: 'C' } as const
const NOBODY = '65534'

/** No core dumps, no file that grows, few descriptors. */
const RLIMITS = ['prlimit', '--core=0', '--fsize=0', '--nofile=64', '--memlock=0', '--msgqueue=0'] as const
/** No new rights by exec, and no life after the host's. */
const NO_NEW_RIGHTS = ['setpriv', '--no-new-privs', '--pdeathsig', 'KILL'] as const

type Paths = Pick<CageParts, 'nodePath' | 'entry' | 'addon'>

/** Node with its permission model: it may read its own entry and its own memory use, and load one addon; the entry then drops that right. */
function nodeCommand({ nodePath, entry, addon }: Paths, parts: CageParts): string[] {
  const { isJitless, hasPermissions, argument } = parts
  const readable = [entry, addon, '/proc/self/statm', '/proc/self/stat'].map(
    (path) => `--allow-fs-read=${path}`,
  )
  return [
    nodePath,
    '--no-warnings',
    ...(hasPermissions ? ['--permission', '--allow-addons', '--allow-worker', ...readable] : []),
    ...(isJitless ? ['--jitless'] : []),
    entry,
    addon,
    ...(argument === undefined ? [] : [argument]),
  ]
}

const [prlimit, ...rlimits] = RLIMITS
const [setpriv, ...noNewRights] = NO_NEW_RIGHTS

const NO_CAPABILITIES = ['--bounding-set=-all', '--inh-caps=-all'] as const

function process(parts: CageParts): Box {
  return {
    command: setpriv,
    args: [
      ...noNewRights,
      ...(parts.isRoot ? NO_CAPABILITIES : []),
      prlimit,
      ...rlimits,
      ...nodeCommand(parts, parts),
    ],
    env: ENVIRONMENT,
  }
}

function namespaces(parts: CageParts): Box {
  const inner = [
    setpriv,
    ...noNewRights,
    ...NO_CAPABILITIES,
    prlimit,
    ...rlimits,
    ...nodeCommand(parts, parts),
  ]
  const spaces = [
    '--user',
    '--map-root-user',
    '--net',
    '--pid',
    '--ipc',
    '--mount',
    '--mount-proc',
    '--fork',
    '--kill-child=SIGKILL',
  ]
  // A shell is process 1: there SIGKILL to oneself would be ignored.
  return {
    command: 'unshare',
    args: [...spaces, '--', 'sh', '-c', '"$@"; exit $?', 'cage', ...inner],
    env: ENVIRONMENT,
  }
}

const inside: Paths = { nodePath: '/cage/node', entry: '/cage/main.mjs', addon: '/cage/isolated-vm.node' }

function bubblewrap(parts: CageParts, filter: Uint8Array): Box {
  const bind = (from: string, to: string): string[] => ['--ro-bind', from, to]
  const args = [
    '--unshare-user',
    '--unshare-pid',
    '--unshare-net',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--disable-userns',
    '--die-with-parent',
    '--new-session',
    '--uid',
    NOBODY,
    '--gid',
    NOBODY,
    '--cap-drop',
    'ALL',
    '--clearenv',
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ...parts.libraries.flatMap(({ path, file }) => bind(file, path)),
    ...bind(parts.nodePath, inside.nodePath),
    ...bind(parts.entry, inside.entry),
    ...bind(parts.addon, inside.addon),
    '--proc',
    '/proc',
    '--remount-ro',
    '/',
    '--chdir',
    '/',
    '--seccomp',
    '4',
    '--',
    ...nodeCommand(inside, parts),
  ]
  return { command: setpriv, args: [...noNewRights, prlimit, ...rlimits, 'bwrap', ...args], env: {}, filter }
}

/** The command line for a tier; undefined where the tier cannot be had on this processor. T4 is T3 inside something else. */
export function boxFor(tier: Tier, parts: CageParts, architecture: string): Box | undefined {
  if (tier === 'T1') return process(parts)
  if (tier === 'T2') return namespaces(parts)
  const filter = seccompFilter(architecture)
  return filter === undefined ? undefined : bubblewrap(parts, filter)
}
