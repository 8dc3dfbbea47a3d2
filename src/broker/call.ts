import type { Approver } from '../approval/approver.ts'
import type { Redactor } from '../audit/redact.ts'
import type { Ticket } from '../approval/ticket.ts'
import type { Hold, Ledger } from '../budget/ledger.ts'
import type { UsageMeter } from '../budget/usage-meter.ts'
import type { Chunks, Driver, Grant, GrantedOp, Judgement } from '../capabilities/capability.ts'
import type { ErrorRecord, Gate } from '../errors/tollgate-error.ts'
import type { JournalBuffer } from '../journal/buffer.ts'
import type { Journal } from '../journal/journal.ts'
import type { Recording } from '../journal/replay.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import type { ReceiptPort } from '../stores/ports.ts'
import type { Handle } from './handle.ts'
import type { Semaphore } from './semaphore.ts'

/** A call as the guest asked for it; slot and seq are checked already, the rest is untrusted. */
export type RawCall = {
  readonly seq: number
  readonly op: string
  /** JSON text. */
  readonly args: string
  /** Idempotency key chosen by the guest. */
  readonly key: string | undefined
  /** Undefined: the run's own grant. */
  readonly handle?: Handle | undefined
  /** The host commits what the run staged: no call of the guest, and not counted as one. */
  readonly isCommit?: true
}

/** What the gates find out about one call on its way; what the record will say. */
export type Call = RawCall & {
  readonly startedMs: number
  /** The gate that the call stands in; a refusal names it. */
  gate: Gate
  /** The arguments as parsed JSON, once decode has parsed them. */
  value?: unknown
  granted?: { readonly op: GrantedOp; readonly grant: Grant }
  judgement?: Judgement
  /** What was asked for, when it was refused before it was judged. */
  refusedSubject?: string
  /** Open until it is settled or released. */
  hold?: Hold | undefined
  ticket?: Ticket
  /** Set once the intent of an effect is durable: the scope of its receipt. */
  receiptScope?: string
  /** Tells calls under the same key that wait for this one. */
  announce?: (answer: Answer) => void
  ingressBytes: number
  egressBytes: number
  facts?: Readonly<Record<string, string | number | boolean>>
}

/** An answer as the guest receives it: JSON text, bounded and redacted. */
export type Answer = { readonly ok: boolean; readonly json: string }

/** What happens in the broker, told to whoever watches. */
export type BrokerEvent =
  | {
      kind: 'call'
      seq: number
      op: string
      subject?: string
      verdict: 'allow' | 'deny'
      code?: string
      gate?: string
      ms: number
    }
  | {
      kind: 'approval'
      ticketId: string
      op: string
      subject: string
      state: 'asked' | 'approved' | 'denied' | 'expired' | 'unavailable' | 'used'
      by?: string
      reason?: string
    }
  | { kind: 'cost_alert'; threshold: number; costMicroUsd: number; limitMicroUsd: number }

/** Calls that wait or go on; they rest in the memory of the host. `argumentsSize` in UTF-16 code units. */
export type Backlog = { readonly calls: number; readonly argumentsSize: number }

/** Results that are read on after their call was answered; see streams.ts. */
export type ResultStreams = {
  /** Keeps what follows the answer of a call. */
  open(call: Call, chunks: Chunks): void
  /** Answers the guest's wish for more. Never rejects. */
  pull(seq: number, args: string, run: BrokerRun): Promise<void>
  /** Gives up all that is open; the run is over. */
  close(): void
}

/** The run that a call belongs to, as far as the broker needs it. Made by src/run. */
export type BrokerRun = {
  readonly runId: string
  readonly taskId: string
  /** From 1: seqs count anew in each attempt. */
  readonly attempt: number
  readonly principal: string
  readonly toolDigest: string
  readonly policy: CompiledPolicy
  /** Every op that the policy grants, by name. */
  readonly ops: ReadonlyMap<string, { readonly op: GrantedOp; readonly grant: Grant }>
  readonly ledger: Ledger
  readonly usage: UsageMeter
  readonly journal: Journal
  readonly buffer: JournalBuffer
  readonly receipts: ReceiptPort
  /** Effects under way in this process, by receipt scope; a second call with the same key waits for the first. */
  readonly underWay: Map<string, Promise<Answer>>
  readonly approver: Approver
  /** Results that the guest has not seen whole. */
  readonly streams: ResultStreams
  /** Answers of staged effects by receipt scope; their receipts are settled when the run has committed, or has not. */
  readonly staged: Map<string, Answer>
  /** Approvals that hold for the rest of the run (`ask: once_per_run`), by op and subject. */
  readonly standing: Map<string, Ticket>
  readonly recording: Recording | undefined
  /** Calls in flight at once. */
  readonly slots: Semaphore
  /** What is under way already, this call included. */
  readonly backlog: Backlog
  /** Fires when the run ends, for whatever reason. */
  readonly signal: AbortSignal
  driver(capability: string): Driver
  readonly redactor: Redactor
  /** Keeps the ledger of a task that outlives the run, before an effect that draws on it. */
  keepLedger(): void
  /** Keeps it within some milliseconds, for calls that change nothing but the ledger. */
  keepLedgerSoon(): void
  now(): number
  /** Runs `work` with the clocks of the run stopped: waiting for a human is not billed. */
  waitForHuman<T>(work: () => Promise<T>): Promise<T>
  /** Hands the answer to the guest; drops it when the run is over. Journal and delivery are adjacent, so their orders agree. */
  deliver(seq: number, answer: Answer): void
  /** Ends the run with a refusal. */
  end(error: ErrorRecord): void
  /** Remembers why a call was refused, for the error that the guest may leave uncaught. */
  refused(seq: number, error: ErrorRecord): void
  emit(event: BrokerEvent): void
}
