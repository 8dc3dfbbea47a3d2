import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Capability } from '../capability.ts'
import { checked, type HostTool } from '../host-tool.ts'
import { openToolsDriver } from './driver.ts'
import { compileToolsGrant } from './grant.ts'
import { schemaForTools, toolsSchema, type ToolsDocument } from './schema.ts'

/** The capability `tools`: functions of the embedder, granted by name. Throws CONFIG_USAGE for tools that no policy could name. */
export function createToolsCapability({ tools }: { readonly tools?: readonly HostTool[] }): Capability {
  const known = tools === undefined ? undefined : byName(tools)
  return {
    name: 'tools',
    schema: known === undefined ? toolsSchema : schemaForTools(known),
    compile: (document, environment) => compileToolsGrant(document as ToolsDocument, known, environment),
    openDriver: (_, { secrets }) => openToolsDriver(known ?? new Map(), secrets),
  }
}

/** Tools may come from another copy of the package, or be made by hand, so they are checked again. */
function byName(tools: readonly HostTool[]): ReadonlyMap<string, HostTool> {
  const map = new Map<string, HostTool>()
  for (const tool of tools) {
    const refuse = (what: string): never => {
      throw new TollgateError(
        'CONFIG_USAGE',
        `The host tool ${JSON.stringify(tool.name)} is malformed: ${what}.`,
      )
    }
    if (map.has(tool.name)) throw new TollgateError('CONFIG_USAGE', `Two host tools are named ${tool.name}.`)
    map.set(tool.name, checked(tool, refuse))
  }
  return map
}
