import type { Meter, MeterReading } from './meter.ts'

/** What one run uses of a cage that it may share. */
export interface SlotAccount extends Meter {
  /** The run is over: it pays no more, but its memory may still be there. */
  close(): void
  /** Its memory is given back too. */
  forget(): void
}

/** What was read just now is not read again: a run begins and ends with several looks at once. */
const READING_GOOD_MS = 0.1
const NOTHING: MeterReading = { cpuMs: 0, residentBytes: 0 }

class Account implements SlotAccount {
  cpuMs = 0
  isOpen = true
  readonly baseBytes: number
  readonly #accounts: CageAccounts

  constructor(accounts: CageAccounts, baseBytes: number) {
    this.#accounts = accounts
    this.baseBytes = baseBytes
  }

  read(): MeterReading | undefined {
    return this.#accounts.readFor(this)
  }

  close(): void {
    this.#accounts.sample()
    this.isOpen = false
  }

  forget(): void {
    this.#accounts.forget(this)
  }
}

/**
 * Splits what the process of a cage uses among its runs. The sum is exact, for it is read from the operating system. CPU time
 * goes to the run that computes; what is used while none does goes to all that are there, in equal parts. Memory above what the
 * empty cage had is shared equally among all that were there since: what a run leaves behind is no fault of those that stay, and
 * the runs of a cage have one policy, so they have one limit.
 */
export class CageAccounts {
  readonly #meter: Meter
  /** Runs whose memory may be there, those that are over included. */
  readonly #present = new Set<Account>()
  #last: MeterReading
  #lastAtMs = -Infinity
  #emptyBytes = 0
  /** Most runs that were present at once since the cage was empty. */
  #sharersPeak = 0
  #payer: SlotAccount | undefined

  constructor(meter: Meter) {
    this.#meter = meter
    this.#last = meter.read() ?? NOTHING
  }

  /** Most runs that were there at once since the cage was empty. */
  get sharersPeak(): number {
    return this.#sharersPeak
  }

  open(): SlotAccount {
    const { residentBytes } = this.sample() ?? this.#last
    // One run after the other is no sharing, also while the isolate of the last one is still being given back.
    if (![...this.#present].some(({ isOpen }) => isOpen)) {
      this.#present.clear()
      this.#emptyBytes = residentBytes
      this.#sharersPeak = 0
    }
    const account = new Account(this, residentBytes)
    this.#present.add(account)
    this.#sharersPeak = Math.max(this.#sharersPeak, this.#present.size)
    return account
  }

  /** From here on this run computes, or none. */
  computes(account: SlotAccount | undefined): void {
    this.#payer = account
  }

  /** The reading of one run; undefined once the process is gone. */
  readFor(account: Account): MeterReading | undefined {
    const reading = this.sample()
    if (reading === undefined) return undefined
    if (this.#sharersPeak === 1) return { cpuMs: account.cpuMs, residentBytes: reading.residentBytes }
    const grownBytes = Math.max(0, reading.residentBytes - this.#emptyBytes)
    return { cpuMs: account.cpuMs, residentBytes: account.baseBytes + grownBytes / this.#sharersPeak }
  }

  forget(account: Account): void {
    this.#present.delete(account)
  }

  residentBytes(): number | undefined {
    return this.#meter.read()?.residentBytes
  }

  close(): void {
    this.#meter.close()
  }

  /** Reads the meter, and writes what was used since to whom it belongs. */
  sample(): MeterReading | undefined {
    const nowMs = performance.now()
    if (nowMs - this.#lastAtMs < READING_GOOD_MS) return this.#last
    const reading = this.#meter.read()
    if (reading === undefined) return undefined
    this.#lastAtMs = nowMs
    const usedMs = Math.max(0, reading.cpuMs - this.#last.cpuMs)
    this.#last = reading
    const payers = [...this.#present].filter(
      (one) => one.isOpen && (this.#payer === undefined || one === this.#payer),
    )
    for (const payer of payers) payer.cpuMs += usedMs / payers.length
    return reading
  }
}
