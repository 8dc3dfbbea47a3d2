import type { Reuse } from '../../runtime/abi/frames.ts'
import { isSame, type Deployment, type GuestRealm, type Home } from './realm.ts'

/** What a run asks for. */
export type Demand = {
  readonly memoryMb: number
  readonly reuse: Reuse | undefined
  readonly deployment: Deployment
}

/** Realms and isolates that wait for another run of their tool; more would only hold memory. */
const KEPT_MAX = 4
/** Compiling ahead is bounded like any stretch. */
const READY_MS_MAX = 1_000

/**
 * The realms that a cage has ready before a run asks. Its runs are all of one principal and one policy, so the next is likely to
 * be the same tool as the last: the spare is made ready for it. A realm or an isolate that served goes only to a run that asks
 * to take it over, and only to one of the same tool.
 */
export class Spares {
  readonly #makeHome: (memoryMb: number) => Home
  /** Nothing has run in it. */
  #next: GuestRealm | undefined
  /** Realms that served, the tool in them. */
  readonly #warm: GuestRealm[] = []
  /** Isolates that served, without a realm, and the tool that they served. */
  readonly #living: { readonly home: Home; readonly deployment: Deployment }[] = []
  #memoryMb: number | undefined
  #last: Demand | undefined

  /** `makeHome` makes an isolate with this heap limit, in MB. */
  constructor(makeHome: (memoryMb: number) => Home) {
    this.#makeHome = makeHome
  }

  /** Has an isolate of this heap limit ready, whoever comes. */
  expect(memoryMb: number | undefined): void {
    this.#memoryMb = memoryMb
    this.refill()
  }

  /** A realm for a run, the readiest that there is. */
  take(demand: Demand): GuestRealm {
    this.#last = demand
    this.#memoryMb = demand.memoryMb
    return (demand.reuse === 'isolate' ? this.#takeWarm(demand) : undefined) ?? this.#takeNext(demand)
  }

  /** Keeps what a run left, for the next that may take it over. */
  keep(realm: GuestRealm, reuse: Reuse): void {
    const { home, deployment } = realm
    if (deployment === undefined) return home.dispose()
    realm.onSend = () => undefined
    if (reuse === 'isolate') {
      this.#warm.push(realm)
      if (this.#warm.length > KEPT_MAX) this.#warm.shift()?.home.dispose()
      return
    }
    realm.release()
    if (home.isWorn || this.#living.length >= KEPT_MAX) return home.dispose()
    this.#living.push({ home, deployment })
  }

  /** Makes the next realm, if there is none. Never between a request and its reply: it costs as much as a short run. */
  refill(): void {
    if (this.#memoryMb === undefined || this.#next !== undefined) return
    const { reuse, deployment } = this.#last ?? {}
    if (reuse === 'isolate' && this.#warmUp()) return
    const home = reuse === 'context' && deployment !== undefined ? this.#takeLiving(deployment) : undefined
    const next = this.#realmIn(home, this.#memoryMb)
    // A tool that does not compile says so when it is run.
    if (deployment !== undefined) next.ready(deployment, READY_MS_MAX)
    if (!next.home.isDisposed) this.#next = next
  }

  /** Readies the realm that served last, if one is left that can be. */
  #warmUp(): boolean {
    for (let warm = this.#warm.at(-1); warm?.deployment !== undefined; warm = this.#warm.at(-1)) {
      if (warm.ready(warm.deployment, READY_MS_MAX).end === 'ended') return true
      this.#warm.pop()
      warm.home.dispose()
    }
    return false
  }

  /** A realm in an isolate that served, or else in a new one: what an earlier run left may have filled the first. */
  #realmIn(home: Home | undefined, memoryMb: number): GuestRealm {
    try {
      if (home !== undefined) return home.makeRealm()
    } catch {
      home?.dispose()
    }
    return this.#makeHome(memoryMb).makeRealm()
  }

  #takeWarm({ deployment, memoryMb }: Demand): GuestRealm | undefined {
    const at = this.#warm.findLastIndex(
      ({ home, deployment: own }) =>
        home.memoryMb === memoryMb && !home.isDisposed && isSame(own, deployment),
    )
    return at < 0 ? undefined : this.#warm.splice(at, 1)[0]
  }

  #takeLiving(deployment: Deployment): Home | undefined {
    const at = this.#living.findLastIndex(
      ({ home, deployment: own }) => !home.isDisposed && isSame(own, deployment),
    )
    return at < 0 ? undefined : this.#living.splice(at, 1)[0]?.home
  }

  #takeNext({ memoryMb, reuse, deployment }: Demand): GuestRealm {
    const next = this.#next
    this.#next = undefined
    if (next?.home.memoryMb === memoryMb) {
      if (!next.home.isUsed && next.isFitFor(deployment)) return next
      if (reuse === 'context' && isSame(next.deployment, deployment)) return next
    }
    next?.home.dispose()
    const home = reuse === 'context' ? this.#takeLiving(deployment) : undefined
    return this.#realmIn(home, memoryMb)
  }
}
