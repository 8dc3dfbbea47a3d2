import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { TollgateError } from '../../index.ts'
import { declarePolicy, loadPolicyFile } from '../../policy.ts'
import { acting, withExample, type Invocation } from './command.ts'
import { EXIT_DONE } from './exit-code.ts'
import { loadTools } from './load-tools.ts'

type TypesOptions = { policy: string; tools?: string; out?: string }

/** `tollgate types`. */
export const addTypesCommand = (program: Command, invocation: Invocation): void => {
  const command = program
    .command('types')
    .description('print a TypeScript declaration of exactly what a policy grants, for people and for models')
    .requiredOption('-p, --policy <file>', 'policy, YAML or JSON')
    .option('--tools <module>', 'ES module that exports the host tools the policy may grant')
    .option('--out <file>', 'write it to this file, whole or not at all')
    .action(acting(invocation, (options: TypesOptions) => types(options, invocation)))
  withExample(
    command,
    'tollgate types --policy policy.yaml --tools tools.ts --out capabilities.d.ts',
    'tollgate types --policy policy.yaml | less',
  )
}

const types = async (options: TypesOptions, { terminal }: Invocation): Promise<number> => {
  const { policy: file, tools, out } = options
  const policy = await loadPolicyFile(file, tools === undefined ? {} : { tools: await loadTools(tools) })
  const declaration = declarePolicy(policy)
  if (tools === undefined && policy.grants.has('tools'))
    terminal.note(['the host tools are not known, nor what they take; name their module with --tools'])
  if (out !== undefined) await replaceFile(out, declaration)
  if (terminal.json) {
    const written = out === undefined ? {} : { out }
    terminal.printJson({ file, policyDigest: policy.digest, ...written, declaration })
  } else if (out === undefined) terminal.write(declaration)
  return EXIT_DONE
}

/** Readers see the old text or the new one. Throws CONFIG_USAGE where nothing can be written. */
const replaceFile = async (path: string, text: string): Promise<void> => {
  const beside = `${path}.${randomUUID()}`
  try {
    await writeFile(beside, text, { flag: 'wx' })
    await rename(beside, path)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined)
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new TollgateError('CONFIG_USAGE', `The file ${path} cannot be written (${code}).`, { cause })
  }
}
