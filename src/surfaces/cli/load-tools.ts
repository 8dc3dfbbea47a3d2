import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TollgateError } from '../../index.ts'
import type { HostTool } from '../../index.ts'
import { assertReadable } from './readable-file.ts'

/** By shape, not by class: the module may have its own copy of the package. */
const isHostTool = (value: unknown): value is HostTool => {
  if (typeof value !== 'object' || value === null || !Object.isFrozen(value)) return false
  const tool = value as Partial<Record<keyof HostTool, unknown>>
  return (
    typeof tool.name === 'string' &&
    typeof tool.effect === 'string' &&
    typeof tool.costMicroUsd === 'number' &&
    typeof tool.perform === 'function' &&
    Array.isArray(tool.categories)
  )
}

/**
 * The host tools that an ES module of the operator exports: each made with defineTool, under any name, alone or in an array.
 * The module runs with the rights of the operator. Throws CONFIG_FILE_UNREADABLE and CONFIG_USAGE.
 */
export const loadTools = async (module: string): Promise<HostTool[]> => {
  const path = resolve(module)
  await assertReadable('module of host tools', module)
  const exported = Object.values(await importModule(module, path)).flat()
  const tools = [...new Set(exported.filter(isHostTool))]
  if (tools.length === 0) {
    throw new TollgateError(
      'CONFIG_USAGE',
      `${module} exports no host tool; make one with defineTool() and export it.`,
    )
  }
  const names = tools.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new TollgateError('CONFIG_USAGE', `${module} exports two host tools named ${twice}.`)
  return tools
}

const importModule = async (module: string, path: string): Promise<Record<string, unknown>> => {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TollgateError('CONFIG_USAGE', `The module of host tools ${module} cannot be loaded: ${why}`, {
      cause,
    })
  }
}
