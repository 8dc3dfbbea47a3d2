import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { hostname } from 'node:os'

/** An attempt throws or rejects when it was held back; what it returns says what it got. */
export type Attempt = () => unknown

/** The first of several ways that gets through; throws what the last one threw. */
export const firstOf = <T>(ways: readonly T[], attempt: (way: T) => unknown): string => {
  let last: unknown = new Error('there is nothing to try')
  for (const way of ways) {
    try {
      return `${String(way)}: ${String(attempt(way))}`
    } catch (error) {
      last = error
    }
  }
  throw last
}

const MARK = 'tollgate-self-attack'
const FOLDERS = ['/tmp', '/var/tmp', '/dev/shm', '/run', '/', process.cwd(), import.meta.dirname]

/** Opens and closes; nothing is written, so what gets through does no harm. */
const opened = (path: string, flags: number): string => {
  closeSync(openSync(path, flags, 0o600))
  return 'opened'
}
const openedToWrite = (path: string): string => opened(path, constants.O_WRONLY)
const openedToRead = (path: string): string => opened(path, constants.O_RDONLY)

/** What can be made is not always allowed to be taken away again; that must not hide that it was made. */
const removed = (path: string): void => {
  try {
    rmSync(path, { force: true })
  } catch {
    // It stays.
  }
}

/** Something new by this name, made by `make` and taken away again. */
const made =
  (make: (path: string) => void) =>
  (folder: string): string => {
    const path = `${folder}/${MARK}-${process.pid}`
    try {
      make(path)
    } finally {
      removed(path)
    }
    return 'made'
  }
const createFile = (path: string): void =>
  closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600))

const DEVICES = ['kmsg', 'mem', 'kvm', 'fuse', 'vsock', 'net/tun', 'ptmx', 'zero'].map(
  (name) => `/dev/${name}`,
)
const SETTINGS = [
  '/proc/sys/kernel/core_pattern',
  '/proc/sys/kernel/modprobe',
  '/proc/sysrq-trigger',
  '/proc/sys/vm/drop_caches',
  '/sys/power/state',
]
const OWN_ACCOUNTS = ['oom_score_adj', 'uid_map', 'setgroups', 'coredump_filter', 'attr/exec']

/** The name that the boxes give; any other is the machine's. */
const BOX_NAME = 'cage'
const hostName = (): string => {
  if (hostname() === BOX_NAME) throw new Error('the name is that of the box')
  return hostname()
}

/** The three of every process, and the port. */
const GIVEN_DESCRIPTORS = 4
const DESCRIPTORS_MAX = 4_096
const NULL_DEVICE_FD = 1

type Held = { readonly descriptor: number; readonly stats: Stats }

const heldDescriptors = (): Held[] =>
  Array.from({ length: DESCRIPTORS_MAX }, (_, descriptor) => descriptor).flatMap((descriptor) => {
    try {
      return [{ descriptor, stats: fstatSync(descriptor) }]
    } catch {
      return []
    }
  })

/** Node's own are queues of events, which have no kind, and pipes of which it holds both ends. */
const isForeign = ({ stats }: Held, all: readonly Held[]): boolean => {
  if (stats.isFIFO()) return all.filter((one) => one.stats.ino === stats.ino).length < 2
  if (stats.isCharacterDevice()) return stats.rdev !== fstatSync(NULL_DEVICE_FD).rdev
  return stats.isFile() || stats.isDirectory() || stats.isSocket() || stats.isBlockDevice()
}

/** Descriptors beyond those that it was given, that Node did not open itself. */
const foreignDescriptors = (): string => {
  const held = heldDescriptors().filter(({ descriptor }) => descriptor >= GIVEN_DESCRIPTORS)
  const foreign = held.filter((one) => isForeign(one, held))
  if (foreign.length === 0) throw new Error('no descriptor but those that it was given')
  return foreign.map(({ descriptor }) => descriptor).join(' ')
}

/** A magic link opens the file behind a descriptor anew, with other rights. */
const reopened = (): string =>
  firstOf([2, 3], (descriptor) => opened(`/proc/self/fd/${descriptor}`, constants.O_RDWR))

/** Native code of one's own has to rest in a file before it can be loaded. */
const ownAddon = (folder: string): string => {
  const path = `${folder}/${MARK}.node`
  try {
    const descriptor = openSync(path, 'wx', 0o700)
    writeSync(descriptor, readFileSync(process.argv[2] ?? ''))
    closeSync(descriptor)
    process.dlopen({ exports: {} }, path)
  } finally {
    removed(path)
  }
  return 'loaded'
}

const report = (folder: string): string => {
  const path = `${folder}/${MARK}.json`
  try {
    process.report.writeReport(path)
    return openedToRead(path)
  } finally {
    removed(path)
  }
}

/** SQLite opens files by itself, past the permission model of Node. */
const databasesMade = async (): Promise<string> => {
  const { DatabaseSync } = await import('node:sqlite')
  return firstOf(
    FOLDERS,
    made((path) => new DatabaseSync(path).close()),
  )
}

const foldersMade = (): string =>
  firstOf(FOLDERS, (folder) => {
    const path = `${folder}/${MARK}`
    mkdirSync(path)
    rmdirSync(path)
    return 'made'
  })

/** Attempts on files, devices, settings of the kernel and descriptors. */
export const fileAttempts: Readonly<Record<string, Attempt>> = {
  // First, for later attempts leave descriptors open.
  'hold a descriptor that nobody gave it': foreignDescriptors,
  'read a file of the host': () => readFileSync('/etc/passwd', 'utf8').length,
  'list the files of the host': () => readdirSync('/etc').length,
  'see the name of the host': hostName,
  'write a file': () => firstOf(FOLDERS, made(createFile)),
  'write over its own entry': () => openedToWrite(process.argv[1] ?? ''),
  'write over Node': () => openedToWrite(process.execPath),
  'make a folder': foldersMade,
  'make a symbolic link': () =>
    firstOf(
      FOLDERS,
      made((path) => symlinkSync('/etc/passwd', path)),
    ),
  'make a hard link': () =>
    firstOf(
      FOLDERS,
      made((path) => linkSync(process.argv[1] ?? '', path)),
    ),
  'make a database': databasesMade,
  'let Node write a report': () => firstOf(FOLDERS, report),
  'load native code of its own': () => firstOf(FOLDERS, ownAddon),
  'open a device': () => firstOf(DEVICES, openedToRead),
  'open a setting of the kernel to write': () => firstOf(SETTINGS, openedToWrite),
  'leave its control group': () =>
    firstOf(['/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/pids/cgroup.procs'], openedToWrite),
  'change what the kernel notes of it': () =>
    firstOf(
      OWN_ACCOUNTS.map((name) => `/proc/self/${name}`),
      openedToWrite,
    ),
  'write its own code through /proc': () => opened('/proc/self/mem', constants.O_RDWR),
  'open its descriptors anew, with more rights': reopened,
}
