/**
 * A program of machine code in the place of a cage's own, made here byte by byte, so that no compiler is needed: a static ELF
 * for x86-64 that makes the system calls of a table, one after the other, and writes to the port what the kernel answered.
 * JavaScript can ask the kernel only for what Node offers; who has taken a process over can ask for anything.
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { boxFor, type Box } from '../../src/cage/boxes.ts'
import { gatherParts } from '../../src/cage/parts.ts'
import type { Tier } from '../../src/cage/tiers.ts'

/** A text stands for the address of its bytes and a NUL; bytes stand for the address of a copy. */
type Argument = number | bigint | string | Uint8Array
/** A system call: its number and up to six arguments; what is missing is 0. */
export type SystemCall = readonly [number: number, ...args: readonly Argument[]]
/** `int 0x80` is the door of 32-bit programs, with numbers of its own. */
type Door = 'syscall' | 'int80'

const BASE = 0x400000
const HEADER_BYTES = 64 + 56
const CODE_BYTES = 192
const ROW_BYTES = 64
const RESULT_AT = 56
const PORT = 3
const [WRITE, EXIT_GROUP] = [1, 231]

const u32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)]
const u64 = (value: number): number[] => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)]
const i32 = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)]

/** The loop over the table, and the write of all of it at the end. */
const machineCode = (rows: number, door: Door): Uint8Array => {
  const table = BASE + HEADER_BYTES + CODE_BYTES
  const enter = door === 'syscall' ? [0x0f, 0x05] : [0xcd, 0x80]
  const begin = [0x48, 0xbb, ...u64(table), 0x49, 0xbc, ...u64(rows)] // rbx = table, r12 = rows
  const body = [
    [0x48, 0x8b, 0x03], // rax = [rbx]
    [0x48, 0x8b, 0x7b, 8, 0x48, 0x8b, 0x73, 16, 0x48, 0x8b, 0x53, 24], // rdi, rsi, rdx
    [0x4c, 0x8b, 0x53, 32, 0x4c, 0x8b, 0x43, 40, 0x4c, 0x8b, 0x4b, 48], // r10, r8, r9
    enter,
    [0x48, 0x89, 0x43, RESULT_AT], // [rbx + 56] = rax
    [0x48, 0x83, 0xc3, ROW_BYTES], // rbx += 64
    [0x49, 0xff, 0xcc], // r12 -= 1
  ].flat()
  const again = [0x0f, 0x85, ...i32(-(body.length + 6))] // if not zero, back to the body
  const write = [0xb8, ...u32(WRITE), 0xbf, ...u32(PORT), 0x48, 0xbe, ...u64(table), 0x48, 0xba]
  const end = [
    ...write,
    ...u64(rows * ROW_BYTES),
    0x0f,
    0x05,
    0xb8,
    ...u32(EXIT_GROUP),
    0x31,
    0xff,
    0x0f,
    0x05,
  ]
  return Uint8Array.from([...begin, ...body, ...again, ...end])
}

/** One segment that may be read, written and executed, from the start of the file. */
const elfHeader = (bytes: number): Buffer => {
  const header = Buffer.alloc(HEADER_BYTES)
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  header.writeUInt16LE(2, 16) // an executable
  header.writeUInt16LE(0x3e, 18) // for x86-64
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(BigInt(BASE + HEADER_BYTES), 24)
  header.writeBigUInt64LE(64n, 32)
  header.writeUInt16LE(64, 52)
  header.writeUInt16LE(56, 54)
  header.writeUInt16LE(1, 56)
  header.writeUInt32LE(1, 64) // to be loaded
  header.writeUInt32LE(7, 68)
  for (const [at, value] of [
    [80, BASE],
    [88, BASE],
    [96, bytes],
    [104, bytes],
    [112, 0x1000],
  ] as const)
    header.writeBigUInt64LE(BigInt(value), at)
  return header
}

const nativeProgram = (calls: readonly SystemCall[], door: Door): Buffer => {
  const tableAt = HEADER_BYTES + CODE_BYTES
  const table = Buffer.alloc(calls.length * ROW_BYTES)
  const data: Buffer[] = []
  let nextAt = BASE + tableAt + table.length
  const word = (argument: Argument): bigint => {
    if (typeof argument === 'number' || typeof argument === 'bigint')
      return BigInt.asIntN(64, BigInt(argument))
    const bytes = typeof argument === 'string' ? Buffer.from(`${argument}\0`) : Buffer.from(argument)
    const at = nextAt
    data.push(bytes)
    nextAt += bytes.length
    return BigInt(at)
  }
  for (const [row, words] of calls.entries())
    for (const [column, argument] of words.entries())
      table.writeBigInt64LE(word(argument), row * ROW_BYTES + column * 8)
  const code = Buffer.alloc(CODE_BYTES)
  code.set(machineCode(calls.length, door))
  return Buffer.concat([elfHeader(nextAt - BASE), code, table, ...data])
}

const ERRNO = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))
/** `ok`, or the name of the error. */
const answerOf = (result: number): string =>
  result >= 0 || result < -4095 ? 'ok' : (ERRNO.get(-result) ?? `errno ${-result}`)

export type NativeOutcome = {
  /** One for each call, in order: `ok` or the name of the error; empty when the program did not come to its end. */
  readonly answers: readonly string[]
  /** How the process at the end of the line ended: its exit code, or 128 and the number of the signal. */
  readonly exit: number
}

const started = async (box: Box): Promise<{ bytes: Buffer; exit: number }> => {
  const child = spawn(box.command, box.args, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', box.filter === undefined ? 'ignore' : 'pipe'],
    env: box.env,
    cwd: '/',
  })
  const [port, filter] = [child.stdio[PORT] as Socket, child.stdio[4] as Socket | null]
  if (box.filter !== undefined) filter?.end(box.filter)
  const chunks: Buffer[] = []
  port.on('data', (chunk: Buffer) => chunks.push(chunk))
  const { promise, resolve } = Promise.withResolvers<number>()
  child.on('close', (code, signal) =>
    resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
  )
  return { exit: await promise, bytes: Buffer.concat(chunks) }
}

/** Runs a program of these system calls in the place of Node, in the box of a tier. */
export const runNative = async (
  tier: Tier,
  calls: readonly SystemCall[],
  door: Door = 'syscall',
): Promise<NativeOutcome> => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-native-'))
  try {
    chmodSync(folder, 0o755)
    const nodePath = join(folder, 'program')
    writeFileSync(nodePath, nativeProgram(calls, door), { mode: 0o755 })
    const parts = { ...gatherParts(), nodePath, isJitless: false, hasPermissions: false }
    const box = boxFor(tier, parts, process.arch)
    if (box === undefined) throw new Error(`${tier} cannot be had here`)
    const { bytes, exit } = await started(box)
    const rows = Array.from({ length: bytes.length / ROW_BYTES }, (_, row) => row * ROW_BYTES)
    return { exit, answers: rows.map((at) => answerOf(Number(bytes.readBigInt64LE(at + RESULT_AT)))) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
