import * as z from 'zod'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, GrantedOp, GrantEnvironment } from '../capability.ts'
import { toolsAttenuation } from './attenuation.ts'
import { compileTool, judgeTool, type CompiledTool } from './compiled-tool.ts'
import type { HostTool } from '../host-tool.ts'
import { declareTools } from './declaration.ts'
import { explainTool, worstCaseOfTools } from './explain.ts'
import type { ToolsDocument } from './schema.ts'
import { inputOfGuest } from './secret-arguments.ts'

/** Compiles `permissions.tools`. `known` undefined: the host's tools are not at hand (tollgate check), so names cannot be verified. */
export function compileToolsGrant(
  document: ToolsDocument,
  known: ReadonlyMap<string, HostTool> | undefined,
  environment: GrantEnvironment,
): Grant {
  const compiled = new Map<string, CompiledTool>(
    Object.entries(document).map(([name, entry]) => {
      const found = known === undefined ? unverified(name, environment) : verified(name, known)
      return [`tools.${name}`, compileTool(found, entry, environment)] as const
    }),
  )
  const all = [...compiled.values()]
  return Object.freeze<Grant>({
    capability: 'tools',
    attenuation: toolsAttenuation,
    ops: Object.freeze(all.map(opOf)),
    judge(op, args) {
      const found = compiled.get(op)
      if (found !== undefined) return judgeTool(found, args)
      throw new TollgateError('DENIED_NOT_GRANTED', `${op} is not granted.`, {
        change: `add permissions.${op}: {}`,
      })
    },
    actionPattern(text) {
      const name = text.startsWith('tools.') ? text.slice('tools.'.length) : text
      return compiled.has(`tools.${name}`) ? ({ op }) => op === `tools.${name}` : undefined
    },
    explain: () => all.map(explainTool),
    worstCase: () => worstCaseOfTools(all),
    declare: (asks) => declareTools(all, asks),
  })
}

const opOf = ({ tool, secrets }: CompiledTool): GrantedOp =>
  Object.freeze({
    name: `tools.${tool.name}`,
    path: Object.freeze(['tools', tool.name]),
    arguments: inputOfGuest(tool, secrets),
  })

type Found = Pick<CompiledTool, 'tool' | 'verified'>

function verified(name: string, known: ReadonlyMap<string, HostTool>): Found {
  const tool = known.get(name)
  if (tool !== undefined) return { tool, verified: true }
  const rule = `permissions.tools.${name}`
  throw new TollgateError('CONFIG_HOST_TOOL_UNKNOWN', 'the host has no tool of that name', { rule })
}

/** Stands for a tool that nobody has seen, so it is taken for the worst. It cannot be called. */
function unverified(name: string, environment: GrantEnvironment): Found {
  environment.warn(`permissions.tools.${name}`, 'not verified: the host tools are not known here')
  const tool: HostTool = Object.freeze({
    name,
    description: '',
    input: z.unknown(),
    output: z.unknown(),
    effect: 'irreversible',
    categories: Object.freeze([]),
    costMicroUsd: 0,
    perform: () => {
      throw new TollgateError('CONFIG_HOST_TOOL_UNKNOWN', `The host has no tool ${name}.`)
    },
  })
  return { tool, verified: false }
}
