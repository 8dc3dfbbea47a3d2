import type { AttackOutcome } from '../run/diagnose.ts'
import type { AuditRecord, RunResult } from '../index.ts'

/** The groups of hostile cases that can be run against an installed build. */
export const GROUPS = {
  A: 'escape',
  B: 'exhaustion',
  D: 'exfiltration',
  E: 'databases',
  F: 'files',
  G: 'approvals',
  H: 'audit and identity',
} as const

export type Group = keyof typeof GROUPS

/** A request as it arrived at the loopback site. */
export type Arrived = {
  readonly method: string
  readonly url: string
  /** Names and values as sent, in order. */
  readonly rawHeaders: readonly string[]
  readonly body: string
}

/** How the honest run of another principal fared meanwhile. */
export type BystanderSeen = {
  /** It still goes on. */
  readonly isAlive: boolean
  /** Calls of it that were answered. */
  readonly answered: number
  /** Longest time that it waited beyond what it meant to, in milliseconds. */
  readonly longestWaitMs: number
}

/** Where the guest's policy may lead: what a case finds on loopback and on the disk. */
export type World = {
  /** `http://127.0.0.1:PORT` */
  readonly site: string
  /** The file of an SQLite database. */
  readonly database: string
  /** A folder that cases mount. */
  readonly mounted: string
  /** The folder next to it, with a secret in it. */
  readonly beside: string
}

/** What became of the files and the database that were planted for a case, and of the secret in them. */
export type PlantedSeen = {
  /** What is not as it was in the folder that cases mount, by its place there: `old.csv: file 600 new`. */
  readonly inside: readonly string[]
  /** The same of everything around it, the database excepted. */
  readonly outside: readonly string[]
  /** Tables of the database that are not as they were. */
  readonly tables: readonly string[]
  /** Where the secret came back. */
  readonly leaks: readonly string[]
}

/** What a case did to the machine and to Tollgate, as the host saw it; nothing in it but `results` holds words of the guest. */
export type Evidence = {
  /** The attacking runs, in order. Fewer than there are programs when one never came back. */
  readonly results: readonly RunResult[]
  /** From the start of the last attacking run to its result, by the clock of the attack. */
  readonly tookMs: number
  /** Largest resident size of the processes that served it, in bytes. */
  readonly peakBytes: number
  /** What running threw, which it must not for anything that a guest does. */
  readonly thrown?: string
  /** How late this machine woke a thread that has nothing to do with Tollgate, at worst. */
  readonly noiseMs: number
  /** What the guest told of things that it must not have got. Empty, or something is broken. */
  readonly reported: readonly string[]
  /** Data of the calls of `tools.note` that were performed, in order. */
  readonly noted: readonly unknown[]
  /** Most of those calls that were performed at once. */
  readonly atOnceMax: number
  /** Effects that were performed, by tool. */
  readonly refunds: number
  readonly erased: number
  /** Questions that the human was asked; every one was denied. */
  readonly asked: number
  readonly requests: readonly Arrived[]
  /** Connections to a port that no policy grants. */
  readonly trapped: number
  /** Prototypes of the host that are not what they were. */
  readonly pollution: readonly string[]
  readonly planted: PlantedSeen
  /** Audit of the attacking runs and of their children. */
  readonly records: readonly AuditRecord[]
  /** Lines of the audit log since the case began. */
  readonly logLines: readonly string[]
  /** Whether every chain verifies; undefined where the case does not ask. */
  readonly isIntact?: boolean
  readonly bystander: BystanderSeen
  /** An honest run of the same principal afterwards; undefined when it never came back. */
  readonly next?: RunResult
  /** Cages that were started for it, the one that was warmed up included. */
  readonly cages: number
  /** Processes that served it and outlived it, where the case asks. */
  readonly survivors: number
  /** What a program that took a process over reported, in cases that start one. */
  readonly box: readonly AttackOutcome[]
}

/** Judges evidence: what is wrong with it, in words for people, or undefined. */
export type Check = {
  readonly judge: (seen: Evidence) => string | undefined
  /** A busy machine alone can make it fail, so the case is tried again. */
  readonly isTiming?: boolean
}

/** One attacking run. */
export type AttackRun = {
  readonly code: string
  readonly input?: unknown
  readonly task?: string
  /** Somebody else's, under the same policy. */
  readonly isOfAnother?: boolean
}

/** What differs from one attack to the next. */
export type Setup = {
  /** Told once the world is there. */
  readonly policy: (world: World) => object
  readonly runs: (world: World) => readonly AttackRun[]
  /** The program that takes the place of a cage, and what it is to do; without one the guest attacks. */
  readonly forgery?: string
  /** Longest time that a run may take before the attack gives it up, in milliseconds. */
  readonly patienceMs?: number
  /** How long to wait for what comes after the end. */
  readonly lingerMs?: number
  /** The end of the attack is the end of its process; what lives on is counted among the survivors. */
  readonly endsCage?: boolean
  /** A folder of the mount is swapped with a link to the outside all the time. */
  readonly swapsFolder?: boolean
  /** Verify every chain of the audit afterwards. */
  readonly verifies?: boolean
}

/** One hostile case. */
export type AttackCase = {
  /** Its number in the list of hostile cases: `H12`. */
  readonly id: string
  readonly group: Group
  readonly what: string
  /** A program in the place of a cage that attacks the box from inside, as cages run or with the box alone around it. */
  readonly box?: 'as cages run' | 'alone'
  readonly setup?: Setup
  readonly checks: readonly Check[]
  /** What happened, where the case held; without it the ending of the last run. */
  readonly tell?: (seen: Evidence) => string
}

/** What came of a case. */
export type CaseOutcome = {
  readonly id: string
  readonly group: Group
  readonly groupName: string
  readonly what: string
  readonly held: boolean
  readonly happened: string
  /** How long the case took, in milliseconds. */
  readonly ms: number
  /** Largest resident size of the process that served it, in bytes; 0 where none was measured. */
  readonly peakBytes: number
  /** How often it was tried; more than once only where a busy machine had spoiled the timing. */
  readonly tries: number
}
