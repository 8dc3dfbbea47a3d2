import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, GrantedOp, GrantEnvironment } from '../capability.ts'
import { fsAttenuation } from './attenuation.ts'
import { compileFsPattern } from './action-pattern.ts'
import { declareFs } from './declaration.ts'
import { explainMounts, worstCaseOfMounts } from './explain.ts'
import { judgeFsCall, judgeFsCommit } from './judge.ts'
import { compileMount, isWritable, type Mount } from './mount.ts'
import { HOST_OPS, READING_OPS, WRITING_OPS, type FsArguments, type FsOp } from './ops.ts'
import { escapeName } from './path.ts'
import type { MountDocument } from './schema.ts'
import type { Manifest } from './staged-change.ts'

/** The compiled `permissions.filesystem`. Beside the contract it has the mounts, for the driver. */
export interface FsGrant extends Grant {
  readonly mounts: readonly Mount[]
}

/** Longest piece of a refused path that a record keeps. */
const REFUSED_SIZE_MAX = 512

/** Compiles parsed mounts. Pure. */
export function compileFsGrant(document: readonly MountDocument[], environment: GrantEnvironment): FsGrant {
  const mounts = Object.freeze(
    document.map((one, index) => compileMount(one, index, environment.baseDirectory)),
  )
  const known: Readonly<Record<string, GrantedOp['arguments']>> = {
    ...READING_OPS,
    ...(mounts.some(isWritable) && WRITING_OPS),
  }
  const hostOps = mounts.some(({ mode }) => mode === 'overlay') ? HOST_OPS : {}
  return Object.freeze<FsGrant>({
    capability: 'filesystem',
    mounts,
    attenuation: fsAttenuation,
    ops: opsOf(known),
    hostOps: opsOf(hostOps),
    judge(op, args) {
      if (Object.hasOwn(hostOps, op)) return judgeFsCommit(mounts, args as Manifest)
      if (!Object.hasOwn(known, op))
        throw new TollgateError(
          'DENIED_NOT_GRANTED',
          `The files have no op ${JSON.stringify(op.slice(0, 64))}.`,
        )
      const asked = args as FsArguments
      try {
        return judgeFsCall(mounts, op as FsOp, asked)
      } catch (error) {
        const paths = [asked.path, asked.pattern, asked.from, asked.to].filter((one) => one !== undefined)
        const subject = `${op} ${paths.map((one) => escapeName(one.slice(0, REFUSED_SIZE_MAX))).join(' to ')}`
        throw isTollgateError(error) ? error.with({ subject }) : error
      }
    },
    actionPattern: (text) => compileFsPattern(text, mounts),
    explain: () => explainMounts(mounts),
    worstCase: () => worstCaseOfMounts(mounts),
    declare: () => declareFs(mounts),
  })
}

const opsOf = (schemas: Readonly<Record<string, GrantedOp['arguments']>>): readonly GrantedOp[] =>
  Object.freeze(
    Object.entries(schemas).map(([name, schema]) =>
      Object.freeze({ name, path: Object.freeze(name.split('.')), arguments: schema }),
    ),
  )
