import { PROGRAM_BYTES_MAX } from '../../runtime/abi/crossing.ts'
import { createLocator } from '../bundler/positions.ts'
import type { BundleParts } from '../bundler/wire.ts'
import { digestOf } from '../digest/sha256.ts'
import { asTollgateError, TollgateError } from '../errors/tollgate-error.ts'
import type { Bundler } from './bundler-process.ts'
import { makeProgram, type Program, type ToolSource } from './program.ts'

const FAULTS = { import: 'GUEST_IMPORT', syntax: 'GUEST_SYNTAX' } as const

const tooLarge = (): TollgateError =>
  new TollgateError(
    'CONFIG_USAGE',
    `The tool with all that it imports is larger than ${PROGRAM_BYTES_MAX} bytes.`,
  )

function bundled({ module, sources, positions }: BundleParts): Program {
  if (Buffer.byteLength(module) > PROGRAM_BYTES_MAX) throw tooLarge()
  return { digest: digestOf(module), module, locate: createLocator({ sources, positions }) }
}

/** What a tool is made with. */
export type Workshop = {
  readonly capabilities: readonly string[]
  readonly bundler: Bundler
  readonly signal: AbortSignal
}

/**
 * Turns a tool into the program that runs, bundled with what it imports where it is a file that does. The digest is that of the
 * bundle, so that a changed package is another tool. Throws CONFIG_USAGE for a tool that is too large.
 */
export async function readyProgram(
  tool: ToolSource,
  { capabilities, bundler, signal }: Workshop,
): Promise<Program> {
  const program = await makeProgram(tool, capabilities)
  if (!('entry' in program)) return program
  const { digest, entry } = program
  const question = { file: tool.file ?? '', text: entry, isScript: tool.isScript }
  try {
    const answer = await bundler.bundle(question, signal)
    if (!('fault' in answer)) return bundled(answer)
    const { fault, message, hint } = answer
    if (fault === 'size') throw tooLarge()
    return { digest, fault: new TollgateError(FAULTS[fault], message, { gate: 'cage', hint }) }
  } catch (error) {
    const fault = asTollgateError(error)
    if (fault.code === 'CONFIG_USAGE') throw fault
    return { digest, fault }
  }
}
