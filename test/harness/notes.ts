import * as z from 'zod'
import type { Capability, Commit, Grant, Judgement } from '../../src/capabilities/capability.ts'
import { TollgateError } from '../../src/errors/tollgate-error.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { sha256 } from '../../src/digest/sha256.ts'
import type { Replace } from '../run/gates.ts'
import { withSetting } from '../run/gates.ts'

/** Where the notes of a test go: each store by name. `fails`: a store whose commit breaks before or after it took effect, or answers what is no JSON. */
export type Notebook = {
  readonly committed: Record<string, string[]>
  readonly fails?: Readonly<Record<string, 'before' | 'after' | 'answer'>>
}

type Note = { store: string; text: string }

const judgement = (op: string, request: unknown, more: Partial<Judgement>): Judgement =>
  Object.freeze({
    op,
    rule: 'permissions.notes',
    effect: 'write',
    categories: [],
    subject: op,
    request: Object.freeze(request),
    costMicroUsd: 0,
    quotas: [],
    idempotency: 'at_most_once',
    ...more,
  })

const grant = (isCommitForAll: boolean): Grant => {
  const add = {
    name: 'notes.add',
    path: ['notes', 'add'],
    arguments: z.strictObject({ store: z.string(), text: z.string() }),
  }
  const commit = {
    name: 'notes.commit',
    path: ['notes', 'commit'],
    arguments: z.strictObject({ store: z.string(), count: z.number() }),
  }
  return {
    capability: 'notes',
    ops: isCommitForAll ? [add, commit] : [add],
    hostOps: [commit],
    judge: (op, args) =>
      op === 'notes.add'
        ? judgement(op, args, { isStaged: true })
        : judgement(op, args, { ask: 'once_per_run', subject: `commit ${(args as Note).store}` }),
    actionPattern: (text) => (text === 'notes.commit' ? ({ op }) => op === 'notes.commit' : undefined),
    explain: () => ['May take notes.'],
    worstCase: () => ({ egressBytesMax: {}, callMicroUsdMax: 0 }),
  }
}

/** A capability that stages: notes are kept when the run succeeds. `isCommitForAll`: weaker, the guest may commit. */
const notesCapability = (book: Notebook, isCommitForAll: boolean): Capability => ({
  name: 'notes',
  schema: z.strictObject({}),
  compile: () => grant(isCommitForAll),
  openDriver() {
    const staged = new Map<string, string[]>()
    return {
      perform({ op, request }) {
        const { store, text } = request as Note
        const notes = staged.get(store) ?? []
        staged.set(store, notes)
        if (op === 'notes.add') notes.push(text)
        else {
          const failure = book.fails?.[store]
          if (failure === 'before')
            throw new TollgateError('UPSTREAM_FILE', 'The disk is full.', { notPerformed: true })
          book.committed[store] = notes
          if (failure === 'after') throw new TollgateError('UPSTREAM_FILE', 'The answer is lost.')
        }
        const isBroken = op === 'notes.commit' && book.fails?.[store] === 'answer'
        return Promise.resolve({ value: isBroken ? 1n : notes.length, ingressBytes: 0, egressBytes: 0 })
      },
      staged: (): readonly Commit[] =>
        [...staged].map(([store, notes]) => ({ op: 'notes.commit', args: { store, count: notes.length } })),
      close: () => Promise.resolve(),
    }
  },
})

/** Grants `notes` to the tools of a Tollgate, beside `others`. */
export const withNotes =
  (book: Notebook, isCommitForAll = false, others: readonly Capability[] = []): Replace =>
  (parts) => {
    const notes = notesCapability(book, isCommitForAll)
    return {
      ...withSetting(({ capabilities }) => ({ capabilities: new Map([...capabilities, ['notes', notes]]) }))(
        parts,
      ),
      prepare: {
        ...parts.prepare,
        compile: (document) =>
          Promise.resolve(compilePolicy(document, { capabilities: [notes, ...others], sha256 })),
      },
    }
  }
