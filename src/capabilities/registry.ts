import type { Capability } from './capability.ts'
import { dbCapability } from './db/db.ts'
import { execCapability } from './exec/exec.ts'
import { fsCapability } from './fs/fs.ts'
import { httpCapability } from './http/http.ts'
import { kvCapability } from './kv/kv.ts'
import { createToolsCapability } from './tools/tools.ts'
import type { HostTool } from './host-tool.ts'

/** What a capability may know of the host that it is opened in. */
export type HostFacts = {
  /** The host tools; undefined when they are not known (tollgate check). */
  readonly tools?: readonly HostTool[]
}

/** Every capability that Tollgate knows, one line each. */
const CAPABILITIES: readonly ((facts: HostFacts) => Capability)[] = [
  () => httpCapability,
  () => dbCapability,
  () => fsCapability,
  () => kvCapability,
  () => execCapability,
  createToolsCapability,
]

/** The capabilities of one host. Throws CONFIG_USAGE for tools that no policy could name. */
export const createRegistry = (facts: HostFacts): readonly Capability[] =>
  CAPABILITIES.map((create) => create(facts))
