import type { Capability } from '../capability.ts'
import { openExecDriver } from './driver.ts'
import { compileExecGrant, type ExecGrant } from './grant.ts'
import type { ChildrenPower } from './powers.ts'
import { execSchema, type ExecDocument } from './schema.ts'

/** The capability `code_exec`: code of the tool's own, in child isolates that hold less than it does. The guest holds it as `exec`. */
export const execCapability: Capability = {
  name: 'code_exec',
  guestName: 'exec',
  schema: execSchema,
  // `false` grants nothing, and never reaches this.
  compile: (document) => compileExecGrant(document as ExecDocument),
  // The broker hands back the grant that compile made, and src/run the children of the run.
  openDriver: (grant, setting) => openExecDriver(grant as ExecGrant, setting.powers as ChildrenPower),
}
