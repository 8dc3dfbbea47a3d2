import {
  CAVEATS_SIZE_MAX,
  HANDLE_DEPTH_MAX,
  HANDLES_MAX,
  JSON_DEPTH_MAX,
} from '../../runtime/abi/crossing.ts'
import { ONLY_OP, REVOKE_OP } from '../../runtime/abi/ops.ts'
import { chainOf, type Handle } from '../broker/handle.ts'
import { deepFreeze, isShallow } from '../canonical/canonical-json.ts'
import type { Judgement, Quota } from '../capabilities/capability.ts'
import { compileCaveats, type Attenuation } from '../capabilities/caveats.ts'
import { asTollgateError, TollgateError } from '../errors/tollgate-error.ts'
import type { Journal } from '../journal/journal.ts'
import type { GrantedBranch } from './granted-ops.ts'

/** What handles are made with. */
export type HandleSetting = {
  readonly branches: ReadonlyMap<string, GrantedBranch>
  readonly journal: Journal
  /** A child's draws are drawn on the ledger of its parent, where its seqs are no names. */
  readonly runId: string
  /** From 1: seqs count anew in each attempt. */
  readonly attempt: number
  /** No kernel sends this: it names what is there, and refuses one handle too many itself. */
  readonly onForged: (reason: string) => void
}

/** The handles of one attempt, by the seq of the `only()` that made each. They only ever narrow what the run may do. */
export class RunHandles {
  readonly #handles = new Map<number, RunHandle>()
  readonly #setting: HandleSetting

  constructor(setting: HandleSetting) {
    this.#setting = setting
  }

  /** The handle that a frame names; undefined when nothing made it. */
  find(seq: number): RunHandle | undefined {
    return this.#handles.get(seq)
  }

  /** Reads `{"at":…,"caveats":…}` and makes a handle out of another, or out of the run's own grant. */
  only(seq: number, of: RunHandle | undefined, args: string): void {
    const { branches, journal, runId, attempt, onForged } = this.#setting
    const { at, caveats } = readOnly(args)
    const branch = branches.get(at ?? '')
    const depth = (of?.via.length ?? 0) + 1
    if (branch === undefined || (of !== undefined && of.branch !== branch))
      return onForged('a handle of nothing that was granted')
    if (this.#handles.size >= HANDLES_MAX || depth > HANDLE_DEPTH_MAX)
      return onForged('more handles than a kernel makes')
    const handle = new RunHandle({ seq, of, branch, runId, attempt }, caveats)
    this.#handles.set(seq, handle)
    journal.append('handle', `{"seq":${seq},"op":"${ONLY_OP}","of":${of?.seq ?? 0},"args":${args}}`, {
      seq,
      ...(attempt > 1 && { attempt }),
      op: ONLY_OP,
      via: chainOf(handle),
      subject: `${branch.at}.only(${JSON.stringify(caveats)})`,
      code: handle.refusal?.code,
      message: handle.refusal?.message,
    })
  }

  /** Ends a handle, and with it those that are derived from it. */
  revoke(seq: number, handle: RunHandle | undefined): void {
    if (handle === undefined || handle.isRevoked)
      return this.#setting.onForged('a handle revoked that is none')
    handle.isRevoked = true
    const { journal, attempt } = this.#setting
    journal.append('handle', `{"seq":${seq},"op":"${REVOKE_OP}","of":${handle.seq}}`, {
      seq,
      ...(attempt > 1 && { attempt }),
      op: REVOKE_OP,
      via: chainOf(handle),
      subject: `${handle.branch.at}.revoke()`,
    })
  }
}

type Place = {
  readonly seq: number
  readonly of: RunHandle | undefined
  readonly branch: GrantedBranch
  readonly runId: string
  readonly attempt: number
}

class RunHandle implements Handle {
  readonly via: readonly number[]
  isRevoked = false
  /** Why it allows nothing: its caveats make no sense. */
  readonly refusal: TollgateError | undefined
  readonly #place: Place
  readonly #attenuation: Attenuation | undefined

  constructor(place: Place, caveats: unknown) {
    const { seq, of, branch } = place
    this.#place = place
    this.via = Object.freeze([...(of?.via ?? []), seq])
    try {
      this.#attenuation = compileCaveats(branch.attenuation, branch.at, caveats)
    } catch (error) {
      this.refusal = asTollgateError(error)
    }
  }

  get seq(): number {
    return this.#place.seq
  }

  get branch(): GrantedBranch {
    return this.#place.branch
  }

  assertLive(): void {
    this.#place.of?.assertLive()
    if (this.isRevoked)
      throw new TollgateError('DENIED_REVOKED', `The handle that call ${this.seq} made was revoked.`, {
        rule: 'only()',
        hint: 'Use another handle.',
      })
    if (this.refusal !== undefined) throw this.refusal
  }

  narrow(judgement: Judgement): Judgement {
    this.assertLive()
    if (!this.branch.ops.has(judgement.op))
      throw new TollgateError('DENIED_NOT_GRANTED', `A handle of ${this.branch.at} has no ${judgement.op}.`)
    try {
      return this.#narrow(judgement)
    } catch (error) {
      throw asTollgateError(error).with({ subject: judgement.subject })
    }
  }

  /** Through the first handle of the chain first. */
  #narrow(judgement: Judgement): Judgement {
    const { of } = this.#place
    const left = of === undefined ? judgement : of.#narrow(judgement)
    if (this.#attenuation === undefined)
      throw new TollgateError('INTERNAL_ERROR', 'The handle allows nothing.')
    const { narrow, callsMax } = this.#attenuation
    const narrowed = narrow(left)
    if (callsMax === undefined) return narrowed
    return deepFreeze({ ...narrowed, quotas: [...narrowed.quotas, this.#callsQuota(callsMax)] })
  }

  #callsQuota(max: number): Quota {
    const { seq, runId, attempt } = this.#place
    const meter = `handle.${runId}.${attempt}.${seq}.calls`
    return { meter, amount: 1, max, scope: 'run', code: 'LIMIT_OP_CALLS', rule: 'only({ calls })' }
  }
}

/** Exactly what a kernel writes, or nothing that could be the name of a branch. */
function readOnly(args: string): { at?: string; caveats?: unknown } {
  if (args.length > CAVEATS_SIZE_MAX + 256) return {}
  try {
    const { at, caveats } = JSON.parse(args) as { at?: unknown; caveats?: unknown }
    return typeof at === 'string' && isShallow(caveats, JSON_DEPTH_MAX) ? { at, caveats } : {}
  } catch {
    return {}
  }
}
