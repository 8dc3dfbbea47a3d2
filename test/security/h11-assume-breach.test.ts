import { describe, expect, it } from 'vitest'
import { probeTiers } from '../../src/cage/probe.ts'
import { runNative, type SystemCall } from './h11-native-program.ts'

const HOST = process.pid
/** What most structures and buffers of the kernel fit into. */
const BUFFER = new Uint8Array(512)
const rlimit = (both: number): Uint8Array =>
  new Uint8Array(BigUint64Array.of(BigInt(both), BigInt(both)).buffer)
const AT_FDCWD = -100
const [O_WRONLY, O_RDWR, O_CREAT] = [1, 2, 0o100]
const CLONE_NEWUSER = 0x10000000

/**
 * What a program of machine code asks of the kernel, by what it is after; the numbers are those of x86-64. The word before the
 * colon is what T3 answers.
 */
const REQUESTS: Readonly<Record<string, SystemCall>> = {
  // Files.
  'ENOENT: open /etc/passwd': [2, '/etc/passwd', 0],
  'ENOENT: open /dev/kmsg': [2, '/dev/kmsg', 0],
  'EACCES: make a file at the root': [2, '/x', O_WRONLY | O_CREAT, 0o600],
  'EACCES: make a file by openat': [257, AT_FDCWD, '/proc/x', O_RDWR | O_CREAT, 0o600],
  'ENOSYS: make a file by openat2': [437, AT_FDCWD, '/x', BUFFER, 24],
  'EACCES: write its own memory through /proc': [2, '/proc/self/mem', O_RDWR],
  'EACCES: write the core pattern': [2, '/proc/sys/kernel/core_pattern', O_WRONLY],
  'EACCES: write its score for the out-of-memory killer': [2, '/proc/self/oom_score_adj', O_WRONLY],
  'EPERM: unlink its entry': [87, '/cage/main.mjs'],
  'EPERM: rename its entry': [82, '/cage/main.mjs', '/cage/x'],
  'EPERM: link': [86, '/cage/main.mjs', '/x'],
  'EPERM: symlink': [88, '/etc/passwd', '/x'],
  'EPERM: mkdir': [83, '/x', 0o700],
  'EPERM: mknod': [133, '/x', 0o20666, 0x103],
  'EPERM: truncate': [76, '/cage/main.mjs', 0],
  'EPERM: fchmod what it was handed': [91, 0, 0],
  'EPERM: fchown what it was handed': [93, 0, 0, 0],
  'EPERM: utimensat': [280, AT_FDCWD, '/cage/main.mjs', 0, 0],
  'EPERM: setxattr': [188, '/cage/main.mjs', 'user.x', 'x', 1, 0],
  'EPERM: name_to_handle_at': [303, AT_FDCWD, '/', BUFFER, BUFFER, 0],
  'EPERM: open_by_handle_at': [304, 0, BUFFER, 0],
  'EPERM: memfd_create': [319, 'x', 0],
  'EPERM: memfd_secret': [447, 0],
  'EPERM: inotify_init1': [294, 0],
  'EPERM: fanotify_init': [300, 0, 0],
  'EPERM: splice': [275, 0, 0, 1, 0, 1, 0],
  'EPERM: copy_file_range': [326, 0, 0, 1, 0, 1, 0],
  'EPERM: sendfile': [40, 1, 0, 0, 1],
  'EPERM: sync': [162],
  // Sockets, and descriptors through those that it has.
  'EPERM: a TCP socket': [41, 2, 1, 0],
  'EPERM: an IPv6 socket': [41, 10, 2, 0],
  'EPERM: a raw socket': [41, 2, 3, 1],
  'EPERM: a packet socket': [41, 17, 3, 0],
  'EPERM: a unix socket': [41, 1, 1, 0],
  'EPERM: a netlink socket': [41, 16, 3, 0],
  'EPERM: a socket to the hypervisor': [41, 40, 1, 0],
  'EPERM: socketpair': [53, 1, 1, 0, BUFFER],
  'EPERM: connect its port elsewhere': [42, 3, new Uint8Array([1, 0, 0, 120]), 4],
  'EPERM: bind': [49, 3, new Uint8Array([1, 0, 0, 121]), 4],
  'EPERM: send a descriptor (SCM_RIGHTS)': [46, 3, BUFFER, 0],
  'EPERM: receive a descriptor': [47, 3, BUFFER, 0x40],
  'EPERM: setsockopt': [54, 3, 1, 2, BUFFER, 4],
  // Programs and other processes.
  'EPERM: fork': [57],
  'EPERM: vfork': [58],
  'EPERM: clone a process': [56, 17],
  'EPERM: clone into a user namespace': [56, CLONE_NEWUSER | 17],
  'ENOSYS: clone3': [435, BUFFER, 88],
  'ENOENT: execve a shell': [59, '/bin/sh', 0, 0],
  'EPERM: execveat': [322, AT_FDCWD, '/bin/sh', 0, 0, 0],
  'EPERM: ptrace attach': [101, 16, HOST],
  'EPERM: ptrace seize': [101, 0x4206, HOST],
  'EPERM: ptrace itself': [101, 0],
  'EPERM: process_vm_readv': [310, HOST, BUFFER, 1, BUFFER, 1, 0],
  'EPERM: process_vm_writev': [311, HOST, BUFFER, 1, BUFFER, 1, 0],
  'EPERM: pidfd_open': [434, HOST, 0],
  'EPERM: pidfd_getfd': [438, 0, 0, 0],
  'EPERM: pidfd_send_signal': [424, 0, 0, 0, 0],
  'EPERM: kcmp': [312, HOST, HOST, 0, 0, 0],
  'ESRCH: signal the host': [62, HOST, 0],
  'ESRCH: signal a thread of the host': [200, HOST, 0],
  'ESRCH: signal everybody': [62, -1, 0],
  'EPERM: raise the number of descriptors': [302, 0, 7, rlimit(4_096), 0],
  'EPERM: raise the size of files': [302, 0, 1, rlimit(1 << 20), 0],
  'EPERM: raise the size of core dumps by setrlimit': [160, 4, rlimit(1 << 20)],
  'ESRCH: change the limits of the host': [302, HOST, 7, 0, BUFFER],
  // Namespaces and rights.
  'EPERM: unshare': [272, CLONE_NEWUSER],
  'EPERM: setns': [308, 0, 0],
  'EPERM: mount': [165, 'none', '/proc', 'tmpfs', 0, 0],
  'EPERM: umount2': [166, '/proc', 2],
  'EPERM: pivot_root': [155, '/', '/'],
  'EPERM: chroot': [161, '/proc'],
  'EPERM: fsopen': [430, 'tmpfs', 0],
  'EPERM: open_tree': [428, AT_FDCWD, '/', 1],
  'EPERM: mount_setattr': [442, AT_FDCWD, '/', 0, BUFFER, 32],
  'EINVAL: become root': [105, 0],
  'EPERM: setgroups': [116, 0, 0],
  // The machine.
  'EPERM: bpf': [321, 0, BUFFER, 48],
  'EPERM: perf_event_open': [298, BUFFER, 0, -1, -1, 0],
  'EPERM: userfaultfd': [323, 1],
  'EPERM: io_uring_setup': [425, 1, BUFFER],
  'EPERM: io_setup': [206, 1, BUFFER],
  'EPERM: keyctl': [250, 0, -3, 1],
  'EPERM: add_key': [248, 'user', 'x', 'x', 1, -3],
  'EPERM: shared memory': [29, 0, 4_096, 0o1600],
  'EPERM: a message queue': [68, 0, 0o1600],
  'EPERM: semaphores': [64, 0, 1, 0o1600],
  'EPERM: a POSIX message queue': [240, 'x', O_RDWR | O_CREAT, 0o600, 0],
  'EPERM: personality': [135, 0xffffffff],
  'EPERM: set the clock': [227, 0, BUFFER],
  'EPERM: settimeofday': [164, BUFFER, 0],
  'EPERM: sethostname': [170, 'x', 1],
  'EPERM: reboot': [169, 0, 0, 0],
  'EPERM: load a module': [175, BUFFER, 0, ''],
  'EPERM: kexec_load': [246, 0, 0, 0, 0],
  'EPERM: swapon': [167, '/x', 0],
  'EPERM: read the log of the kernel': [103, 3, BUFFER, 512],
  'EPERM: ports of the processor': [172, 3],
  // Doors that a filter may forget.
  'ENOSYS: a call by its x32 number': [0x40000000 + 41, 2, 1, 0],
  'ENOSYS: a call that is younger than the filter': [470],
}

/** Those of them that do no harm where they get through. */
const HARMLESS = [
  'ENOENT: open /etc/passwd',
  'EPERM: a TCP socket',
  'EPERM: a unix socket',
  'EPERM: socketpair',
  'EPERM: memfd_create',
  'EPERM: inotify_init1',
  'EPERM: ptrace itself',
  'EPERM: pidfd_open',
  'EPERM: personality',
  'EPERM: io_setup',
] as const

const answersOf = async (
  tier: 'T1' | 'T2' | 'T3',
  names: readonly string[],
): Promise<Record<string, string | undefined>> => {
  const { answers } = await runNative(
    tier,
    names.map((name) => REQUESTS[name] ?? [39]),
  )
  return Object.fromEntries(names.map((name, at) => [name, answers[at]]))
}

/** Says why a tier cannot be attacked here; in CI that is a failure. */
const need = (tier: string, skip: (note: string) => unknown): void => {
  const state = probeTiers().find((one) => one.tier === tier)
  const missing =
    process.arch === 'x64'
      ? state?.available === false
        ? state.why
        : undefined
      : 'the program is for x86-64'
  if (missing === undefined) return
  if (process.env['CI'] !== undefined) throw new Error(missing)
  skip(missing)
}

describe('H11: a program of machine code in the place of a cage’s own', () => {
  it('gets none of a hundred things that it asks the kernel for in T3', async ({ skip }) => {
    need('T3', skip)
    const names = Object.keys(REQUESTS)
    expect(names.length).toBeGreaterThan(95)
    expect(await answersOf('T3', names)).toEqual(
      Object.fromEntries(names.map((name) => [name, name.split(':')[0]])),
    )
  })

  it('is killed in T3 when it takes the door of 32-bit programs', async ({ skip }) => {
    need('T3', skip)
    const SIGSYS = 31
    expect(await runNative('T3', [[20]], 'int80')).toEqual({ answers: [], exit: 128 + SIGSYS })
  })

  it('makes calls of every number in T3 that nobody judged, and each of them is refused', async ({
    skip,
  }) => {
    need('T3', skip)
    const { answers } = await runNative(
      'T3',
      Array.from({ length: 200 }, (_, n) => [463 + n] as const),
    )
    expect(new Set(answers)).toEqual(new Set(['ENOSYS']))
  })

  it('reaches no network, no process and no device in T2, and cannot make namespaces there', async ({
    skip,
  }) => {
    need('T2', skip)
    const names = [
      'ESRCH: signal the host',
      'ESRCH: signal everybody',
      'ESRCH: change the limits of the host',
      'EPERM: raise the number of descriptors',
      'ENOENT: open /dev/kmsg',
      'EACCES: write the core pattern',
      'EPERM: pidfd_open',
      'EPERM: unshare',
      'EPERM: mount',
      'EPERM: sethostname',
      'EPERM: a raw socket',
      'EPERM: a packet socket',
    ]
    // An account that is not root may not write there anyhow, and hears so first.
    const cannotWrite = expect.stringMatching(/^(EROFS|EACCES)$/) as unknown
    expect(await answersOf('T2', names)).toEqual({
      ...Object.fromEntries(names.map((name) => [name, name.split(':')[0]])),
      'EACCES: write the core pattern': cannotWrite,
      'EPERM: pidfd_open': 'ESRCH',
      'EPERM: unshare': 'ENOSPC',
    })
  })

  it('gets what it asks for where there is no box: the requests are real (negative control)', async ({
    skip,
  }) => {
    need('T1', skip)
    expect(await answersOf('T1', HARMLESS)).toEqual(Object.fromEntries(HARMLESS.map((name) => [name, 'ok'])))
  })
})
