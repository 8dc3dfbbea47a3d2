import type { Capability } from './capability.ts'
import { dbCapability } from './db/db.ts'
import { execCapability } from './exec/exec.ts'
import { fsCapability } from './fs/fs.ts'
import { httpCapability } from './http/http.ts'
import { kvCapability } from './kv/kv.ts'
import { createToolsCapability } from './tools/tools.ts'
import type { HostTool } from './tools/define-tool.ts'

/** Every capability that Tollgate knows, one line each. `tools` are the host tools; undefined when they are not known (tollgate check). */
export const createRegistry = ({ tools }: { tools?: readonly HostTool[] }): readonly Capability[] => [
  httpCapability,
  dbCapability,
  fsCapability,
  kvCapability,
  execCapability,
  createToolsCapability(tools),
]
