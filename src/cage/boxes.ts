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
  /** The host is root, and everything that a cage needs can be read by uid 65534: then that is who it runs as. */
  readonly canBeNobody: () => boolean
  /** Flags of this Node that take away modules which its permission model does not hold back, or not for long. */
  readonly withoutModules: readonly string[]
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
/** The machine's own name stays outside. */
const HOST_NAME = 'cage'

/** No core dumps, no file that grows, few descriptors. */
const RLIMITS = ['prlimit', '--core=0', '--fsize=0', '--nofile=64', '--memlock=0', '--msgqueue=0'] as const
/** No new rights by exec, and no life after the host's. */
const NO_NEW_RIGHTS = ['setpriv', '--no-new-privs', '--pdeathsig', 'KILL'] as const

type Paths = Pick<CageParts, 'nodePath' | 'entry' | 'addon'>

/** Node with its permission model, and without what gets past it: it may read its own entry and its own memory use, and load one addon; the entry then drops that right. */
function nodeCommand({ nodePath, entry, addon }: Paths, parts: CageParts): string[] {
  const { isJitless, hasPermissions, withoutModules, argument } = parts
  const readable = [entry, addon, '/proc/self/statm', '/proc/self/stat'].map(
    (path) => `--allow-fs-read=${path}`,
  )
  return [
    nodePath,
    '--no-warnings',
    ...(hasPermissions
      ? ['--permission', '--allow-addons', '--allow-worker', ...readable, ...withoutModules]
      : []),
    ...(isJitless ? ['--jitless'] : []),
    entry,
    addon,
    ...(argument === undefined ? [] : [argument]),
  ]
}

/** Takes the rights of uid 0, which no file keeps out. */
const AS_NOBODY = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const

const [prlimit, ...rlimits] = RLIMITS
const [setpriv, ...noNewRights] = NO_NEW_RIGHTS

/** A command line that does something as uid 65534. */
export const asNobody = (...command: readonly string[]): Pick<Box, 'command' | 'args'> => ({
  command: setpriv,
  args: [...AS_NOBODY, ...command],
})

const NO_CAPABILITIES = ['--bounding-set=-all', '--inh-caps=-all'] as const

function process(parts: CageParts): Box {
  return {
    command: setpriv,
    args: [
      ...noNewRights,
      ...(parts.isRoot ? NO_CAPABILITIES : []),
      ...(parts.canBeNobody() ? AS_NOBODY : []),
      prlimit,
      ...rlimits,
      ...nodeCommand(parts, parts),
    ],
    env: ENVIRONMENT,
  }
}

/**
 * What no cage needs and a taken-over one would use: sockets of the machine's programs, which a path reaches through any
 * network namespace; devices; control groups; people's own files.
 */
const HIDDEN_FOLDERS = ['/run', '/tmp', '/var', '/home', '/root', '/sys', '/dev'] as const

/** The folders that can be covered without covering what the cage is made of. */
function hiddenFolders({ nodePath, entry, addon, libraries }: CageParts): string[] {
  const needed = [nodePath, entry, addon, ...libraries.flatMap(({ path, file }) => [path, file])]
  return HIDDEN_FOLDERS.filter((folder) => !needed.some((path) => path.startsWith(`${folder}/`)))
}

/**
 * Runs as root of the new namespaces, before its rights are dropped; the first step that fails ends it. The shell stays process
 * 1: there SIGKILL to oneself would be ignored.
 */
const namespaceScript = (folders: readonly string[]): string =>
  `set -e
echo 0 >/proc/sys/user/max_user_namespaces
mount --bind -o ro /proc/sys /proc/sys
for folder in ${folders.join(' ')}; do
  if [ -d "$folder" ] && [ ! -h "$folder" ]; then mount -t tmpfs -o ro,size=4k,mode=755 hidden "$folder"; fi
done
"$@"; exit $?`

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
  // The host's end ends `unshare`, and with it process 1: a cage that cannot hear its port any more is ended too.
  return {
    command: setpriv,
    args: [
      ...noNewRights,
      'unshare',
      ...spaces,
      '--',
      'sh',
      '-c',
      namespaceScript(hiddenFolders(parts)),
      'cage',
      ...inner,
    ],
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
    '--hostname',
    HOST_NAME,
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
