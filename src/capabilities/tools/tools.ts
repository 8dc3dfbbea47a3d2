import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Capability } from '../capability.ts'
import type { HostTool } from './define-tool.ts'
import { openToolsDriver } from './driver.ts'
import { compileToolsGrant, toolsSchema, type ToolsDocument } from './grant.ts'

/** The capability `tools`: functions of the embedder, granted by name. */
export function createToolsCapability(tools: readonly HostTool[] | undefined): Capability {
  const known = tools === undefined ? undefined : byName(tools)
  return {
    name: 'tools',
    schema: toolsSchema,
    compile: (document, environment) => compileToolsGrant(document as ToolsDocument, known, environment),
    openDriver: () => openToolsDriver(known ?? new Map()),
  }
}

function byName(tools: readonly HostTool[]): ReadonlyMap<string, HostTool> {
  const map = new Map<string, HostTool>()
  for (const tool of tools) {
    if (map.has(tool.name)) throw new TollgateError('CONFIG_USAGE', `Two host tools are named ${tool.name}.`)
    map.set(tool.name, tool)
  }
  return map
}
