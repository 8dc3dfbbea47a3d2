import type { Meter, MeterReading } from './meter.ts'

/** What one run uses of a cage that it may share. */
export interface SlotAccount extends Meter {
  /** The run was handed something: it may compute now. */
  touch(): void
  /** Another run computes, as far as the host can know: it was handed something first. */
  readonly isBehind: boolean
}

const NOTHING: MeterReading = { cpuMs: 0, residentBytes: 0 }

class Account implements SlotAccount {
  cpuMs = 0
  /** It could compute at some time since the last sample. */
  isActive = false
  /** It was handed something that the cage has not answered yet. */
  isOutstanding = false
  readonly baseBytes: number
  readonly #accounts: CageAccounts

  constructor(accounts: CageAccounts, baseBytes: number) {
    this.#accounts = accounts
    this.baseBytes = baseBytes
  }

  get isBehind(): boolean {
    return this.#accounts.isBehind(this)
  }

  touch(): void {
    this.isActive = true
    if (this.isOutstanding) return
    this.isOutstanding = true
    this.#accounts.queue(this)
  }

  read(): MeterReading | undefined {
    return this.#accounts.readFor(this)
  }

  close(): void {
    this.#accounts.forget(this)
  }
}

/**
 * Splits what the process of a cage uses among its runs. The sum is exact, for it is read from the operating system. CPU time
 * between two samples goes in equal parts to the runs that could compute in between: those that were handed something and not
 * answered yet. A run that waits pays nothing, unless nobody could have computed: then all pay. Memory above what the empty
 * cage had is shared equally: the runs of a cage have one policy, so they have one limit.
 */
export class CageAccounts {
  readonly #meter: Meter
  readonly #open = new Set<Account>()
  #last: MeterReading
  #emptyBytes = 0
  /** Runs that were handed something which is not answered yet, in that order: the cage takes them one after the other. */
  #queue: Account[] = []

  constructor(meter: Meter) {
    this.#meter = meter
    this.#last = meter.read() ?? NOTHING
  }

  open(): SlotAccount {
    const { residentBytes } = this.#sample() ?? this.#last
    if (this.#open.size === 0) this.#emptyBytes = residentBytes
    const account = new Account(this, residentBytes)
    this.#open.add(account)
    return account
  }

  /** The cage was heard of: what it was handed is done with. */
  answered(): void {
    for (const account of this.#queue) account.isOutstanding = false
    this.#queue = []
  }

  queue(account: Account): void {
    this.#queue.push(account)
  }

  isBehind(account: Account): boolean {
    const [first] = this.#queue
    return first !== undefined && first !== account
  }

  /** The reading of one run; undefined once the process is gone. */
  readFor(account: Account): MeterReading | undefined {
    const reading = this.#sample()
    if (reading === undefined) return undefined
    const grownBytes = Math.max(0, reading.residentBytes - this.#emptyBytes)
    const sharedBytes = account.baseBytes + grownBytes / Math.max(1, this.#open.size)
    return {
      cpuMs: account.cpuMs,
      residentBytes: this.#open.size === 1 ? reading.residentBytes : sharedBytes,
    }
  }

  forget(account: Account): void {
    this.#sample()
    this.#open.delete(account)
    this.#queue = this.#queue.filter((one) => one !== account)
  }

  residentBytes(): number | undefined {
    return this.#meter.read()?.residentBytes
  }

  close(): void {
    this.#meter.close()
  }

  #sample(): MeterReading | undefined {
    const reading = this.#meter.read()
    if (reading === undefined) return undefined
    const usedMs = Math.max(0, reading.cpuMs - this.#last.cpuMs)
    this.#last = reading
    const active = [...this.#open].filter(({ isActive }) => isActive)
    const payers = active.length > 0 ? active : [...this.#open]
    for (const payer of payers) payer.cpuMs += usedMs / payers.length
    for (const account of active) account.isActive = account.isOutstanding
    return reading
  }
}
