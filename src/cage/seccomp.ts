/**
 * A seccomp filter as the kernel takes it: classic BPF over `struct seccomp_data` (seccomp(2), linux/seccomp.h), made in plain
 * JavaScript. It takes away what a process without network, files to write and children never needs. Pure.
 */

type Architecture = 'x64' | 'arm64'

/** BPF instructions that the filter uses (linux/bpf_common.h). */
const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_AT_LEAST = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06

/** Offsets in `struct seccomp_data`; the low half of an argument comes first on these machines. */
const NUMBER_AT = 0
const ARCHITECTURE_AT = 4
const argumentAt = (n: number): number => 16 + 8 * n

const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const fail = (errno: number): number => 0x00050000 | errno
const EPERM = fail(1)
const EACCES = fail(13)
const ENOSYS = fail(38)

/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC: a file is opened to be read or not at all. */
const WRITING_FLAGS = 0o1 | 0o2 | 0o100 | 0o1000
const CLONE_THREAD = 0x10000
/** Numbers from here on were unknown when this was written; x32 calls on x64 lie above them too. */
const NUMBER_MAX = 463

const AUDIT_ARCHITECTURE: Readonly<Record<Architecture, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }

/** System calls that are refused whatever their arguments, by what they would give. The numbers: x64, arm64; -1 where there is none. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, readonly [x64: number, arm64: number]>>>> = {
  network: {
    socket: [41, 198],
    socketpair: [53, 199],
    connect: [42, 203],
    bind: [49, 200],
    listen: [50, 201],
    accept: [43, 202],
    accept4: [288, 242],
    sendto: [44, 206],
    sendmsg: [46, 211],
    sendmmsg: [307, 269],
    // Descriptors arrive by messages (SCM_RIGHTS); what a cage needs arrives by read(2).
    recvmsg: [47, 212],
    recvmmsg: [299, 243],
    setsockopt: [54, 208],
  },
  processes: {
    fork: [57, -1],
    vfork: [58, -1],
    execveat: [322, 281],
    ptrace: [101, 117],
    process_vm_readv: [310, 270],
    process_vm_writev: [311, 271],
    process_madvise: [440, 440],
    process_mrelease: [448, 448],
    kcmp: [312, 272],
    pidfd_open: [434, 434],
    pidfd_getfd: [438, 438],
    pidfd_send_signal: [424, 424],
  },
  files: {
    creat: [85, -1],
    unlink: [87, -1],
    unlinkat: [263, 35],
    rename: [82, -1],
    renameat: [264, 38],
    renameat2: [316, 276],
    mkdir: [83, -1],
    mkdirat: [258, 34],
    rmdir: [84, -1],
    link: [86, -1],
    linkat: [265, 37],
    symlink: [88, -1],
    symlinkat: [266, 36],
    mknod: [133, -1],
    mknodat: [259, 33],
    chmod: [90, -1],
    fchmod: [91, 52],
    fchmodat: [268, 53],
    fchmodat2: [452, 452],
    chown: [92, -1],
    fchown: [93, 55],
    lchown: [94, -1],
    fchownat: [260, 54],
    truncate: [76, 45],
    ftruncate: [77, 46],
    fallocate: [285, 47],
    utime: [132, -1],
    utimes: [235, -1],
    futimesat: [261, -1],
    utimensat: [280, 88],
    setxattr: [188, 5],
    lsetxattr: [189, 6],
    fsetxattr: [190, 7],
    removexattr: [197, 14],
    lremovexattr: [198, 15],
    fremovexattr: [199, 16],
    name_to_handle_at: [303, 264],
    open_by_handle_at: [304, 265],
    fanotify_init: [300, 262],
    memfd_create: [319, 279],
    memfd_secret: [447, 447],
    inotify_init: [253, -1],
    inotify_init1: [294, 26],
    // These move bytes between descriptors inside the kernel; nothing here needs it, and its history is bad.
    splice: [275, 76],
    tee: [276, 77],
    vmsplice: [278, 75],
    sendfile: [40, 71],
    copy_file_range: [326, 285],
    // Every disk of the machine would write out what it holds back.
    sync: [162, 81],
    syncfs: [306, 267],
  },
  namespaces: {
    mount: [165, 40],
    umount2: [166, 39],
    pivot_root: [155, 41],
    chroot: [161, 51],
    setns: [308, 268],
    unshare: [272, 97],
    open_tree: [428, 428],
    move_mount: [429, 429],
    fsopen: [430, 430],
    fsconfig: [431, 431],
    fsmount: [432, 432],
    fspick: [433, 433],
    mount_setattr: [442, 442],
  },
  memory_shared_with_others: {
    shmget: [29, 194],
    shmat: [30, 196],
    msgget: [68, 186],
    semget: [64, 190],
    mq_open: [240, 180],
  },
  kernel: {
    bpf: [321, 280],
    perf_event_open: [298, 241],
    userfaultfd: [323, 282],
    io_uring_setup: [425, 425],
    io_uring_enter: [426, 426],
    io_uring_register: [427, 427],
    io_setup: [206, 0],
    io_submit: [209, 2],
    keyctl: [250, 219],
    add_key: [248, 217],
    request_key: [249, 218],
    personality: [135, 92],
    quotactl: [179, 60],
    quotactl_fd: [443, 443],
    lsm_set_self_attr: [460, 460],
    acct: [163, 89],
    swapon: [167, 224],
    swapoff: [168, 225],
    reboot: [169, 142],
    init_module: [175, 105],
    finit_module: [313, 273],
    delete_module: [176, 106],
    kexec_load: [246, 104],
    kexec_file_load: [320, 294],
    syslog: [103, 116],
    settimeofday: [164, 170],
    clock_settime: [227, 112],
    clock_adjtime: [305, 266],
    adjtimex: [159, 171],
    sethostname: [170, 161],
    setdomainname: [171, 162],
    iopl: [172, -1],
    ioperm: [173, -1],
    modify_ldt: [154, -1],
    vhangup: [153, 58],
  },
}

/** Calls whose arguments decide. */
const OPEN = [2, -1] as const
const OPENAT = [257, 56] as const
const OPENAT2 = [437, 437] as const
const CLONE = [56, 220] as const
const CLONE3 = [435, 435] as const

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number]

const load = (at: number): Instruction => [LOAD_WORD, 0, 0, at]
const answer = (verdict: number): Instruction => [RETURN, 0, 0, verdict]
/** `body` runs where the number is this one; else the next rule does. */
const onNumber = (number: number, ...body: Instruction[]): Instruction[] =>
  number < 0 ? [] : [[JUMP_EQUAL, 0, body.length, number], ...body]

/** Refuses to open a file for more than reading; `flagsAt` is the position of the flags among the arguments. */
const onlyReading = (number: number, flagsAt: number): Instruction[] =>
  onNumber(
    number,
    load(argumentAt(flagsAt)),
    [JUMP_ANY_BIT, 0, 1, WRITING_FLAGS],
    answer(EACCES),
    answer(ALLOW),
  )

function program(architecture: Architecture): Instruction[] {
  const column = architecture === 'x64' ? 0 : 1
  const refused = Object.values(REFUSED).flatMap((group) =>
    Object.values(group).flatMap((numbers) => onNumber(numbers[column], answer(EPERM))),
  )
  return [
    load(ARCHITECTURE_AT),
    [JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURE[architecture]],
    answer(KILL_PROCESS),
    load(NUMBER_AT),
    [JUMP_AT_LEAST, 0, 1, NUMBER_MAX],
    answer(ENOSYS),
    ...refused,
    // What takes its flags from memory cannot be judged here; the C library falls back to the older call.
    ...onNumber(OPENAT2[column], answer(ENOSYS)),
    ...onNumber(CLONE3[column], answer(ENOSYS)),
    ...onlyReading(OPEN[column], 1),
    ...onlyReading(OPENAT[column], 2),
    // Threads share the box; a process would be one more to watch.
    ...onNumber(
      CLONE[column],
      load(argumentAt(0)),
      [JUMP_ANY_BIT, 1, 0, CLONE_THREAD],
      answer(EPERM),
      answer(ALLOW),
    ),
    answer(ALLOW),
  ]
}

/** The filter for a processor, as the bytes of `struct sock_filter[]`; undefined where none was written for it. */
export function seccompFilter(architecture: string): Uint8Array | undefined {
  if (architecture !== 'x64' && architecture !== 'arm64') return undefined
  const instructions = program(architecture)
  const bytes = new DataView(new ArrayBuffer(instructions.length * 8))
  for (const [index, [code, ifTrue, ifFalse, k]] of instructions.entries()) {
    bytes.setUint16(index * 8, code, true)
    bytes.setUint8(index * 8 + 2, ifTrue)
    bytes.setUint8(index * 8 + 3, ifFalse)
    bytes.setUint32(index * 8 + 4, k, true)
  }
  return new Uint8Array(bytes.buffer)
}
