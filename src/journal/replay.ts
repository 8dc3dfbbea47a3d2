/** What an earlier execution of a run recorded of one call. */
export type RecordedCall = {
  readonly seq: number
  readonly op: string
  /** The handle that it went through; 0: the run's own grant. */
  readonly handle: number
  /** The arguments as they crossed, JSON. */
  readonly args: string
  readonly ok: boolean
  /** The result or the guest error as it was delivered, JSON. */
  readonly outcome: string
}

/** The journal of an earlier execution, by seq; the replay gate answers from it. */
export type Recording = { call(seq: number): RecordedCall | undefined }

type StoredEvent = { kind: string; data: Omit<RecordedCall, 'handle'> & { handle?: number } }

/** Reads the calls out of stored journal events (the JSON text of each). */
export function readRecording(events: Iterable<string>): Recording {
  const calls = new Map<number, RecordedCall>()
  for (const text of events) {
    const { kind, data } = JSON.parse(text) as StoredEvent
    if (kind === 'call')
      calls.set(data.seq, {
        seq: data.seq,
        op: data.op,
        handle: data.handle ?? 0,
        args: JSON.stringify(data.args),
        ok: data.ok,
        outcome: JSON.stringify(data.outcome),
      })
  }
  return { call: (seq) => calls.get(seq) }
}
