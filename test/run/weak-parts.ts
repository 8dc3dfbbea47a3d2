/** Deliberately weakened parts, for negative controls: with one of them in place, the attack that a test makes must succeed. */
import { Ledger } from '../../src/budget/ledger.ts'
import type { CagePool } from '../../src/run/cage-pool.ts'
import type { HostedCage } from '../../src/run/hosted-cage.ts'
import { TaskLedgers, type LedgerLease, type Participant } from '../../src/run/task-ledgers.ts'
import type { Store } from '../../src/stores/ports.ts'
import { withSetting, type Replace } from './gates.ts'

const UNSEEN = { read: () => ({ cpuMs: 0, residentBytes: 0 }), close: () => undefined }

/** Its meter reads nothing, and its engine is told to let everything pass. */
function blind(cage: HostedCage): HostedCage {
  const open = cage.open.bind(cage)
  cage.open = (handlers) => {
    const slot = open(handlers)
    return {
      ...slot,
      meter: UNSEEN,
      start: (facts, segments) => slot.start({ ...facts, segmentMs: 600_000, memoryMb: 4_096 }, segments),
    }
  }
  return cage
}

const blindPool = (pool: CagePool): CagePool => ({
  acquire: async (...asked) => {
    const lease = await pool.acquire(...asked)
    return { cage: blind(lease.cage), release: () => lease.release() }
  },
  close: () => pool.close(),
})

/** Every method of the ledger that could refuse or count is at hand for overriding. */
class WeakLedgers extends TaskLedgers {
  readonly #make: () => Ledger

  constructor(store: Store, make: () => Ledger) {
    super(store.tasks, () => Date.now())
    this.#make = make
  }

  override acquire(participant: Participant): LedgerLease {
    return { ...super.acquire(participant), ledger: this.#make() }
  }
}

/** Runs draw on ledgers of the test's making. */
export const weakLedgers = (make: () => Ledger): Replace =>
  withSetting(({ store }) => ({ ledgers: new WeakLedgers(store, make) }))

class TimelessLedger extends Ledger {
  override activeMs(): number {
    return 0
  }
}

/** Nobody sees how long a guest computes, how much time passes and how much memory there is. */
export const withoutWatch: Replace = (parts) =>
  withSetting(({ store, pool }) => ({
    pool: blindPool(pool),
    ledgers: new WeakLedgers(store, () => new TimelessLedger()),
  }))(parts)

/** Tickets that anybody may use, however often and for whatever: the store says yes to all. */
export const careless: Replace = withSetting(({ store }) => ({
  store: { ...store, tickets: { ...store.tickets, use: () => true } },
}))
