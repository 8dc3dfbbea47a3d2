import * as z from 'zod'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { GrantEnvironment, ResolvedSecret } from '../capability.ts'
import { argumentSchema, type HostTool } from '../host-tool.ts'
import type { ToolGrantDocument } from './schema.ts'

/** Arguments that the host fills: the name of a secret, by the name of the argument. JSON data. */
export type SecretArguments = Readonly<Record<string, string>>

const invalid = (rule: string, problem: string): never => {
  throw new TollgateError('CONFIG_POLICY_INVALID', problem, { rule })
}

/**
 * Checks which arguments of a tool are filled by the host. Throws CONFIG_POLICY_INVALID for a secret that is not declared, for one
 * that is bound to hosts (nobody knows where a tool sends it), and for an argument that the guest must give as well.
 */
export function compileSecretArguments(
  { name, input }: HostTool,
  { secrets = {}, args = {} }: ToolGrantDocument,
  rule: string,
  { secretHosts }: GrantEnvironment,
): SecretArguments {
  // Rules over the whole would see the arguments of the guest alone.
  if (Object.keys(secrets).length > 0 && input instanceof z.ZodObject && (input.def.checks ?? []).length > 0)
    invalid(
      `${rule}.secrets`,
      `the input of ${name} has rules over all arguments, so the host cannot fill one of them`,
    )
  for (const [argument, secret] of Object.entries(secrets)) {
    const place = `${rule}.secrets.${argument}`
    if (!secretHosts.has(secret)) invalid(place, `no secret is named ${secret}`)
    if (secretHosts.get(secret) !== undefined)
      invalid(
        place,
        `the secret ${secret} may only go to the hosts of secrets.${secret}.hosts; where a tool sends it, nobody knows`,
      )
    if (Object.hasOwn(args, argument))
      invalid(place, `${argument} is an argument of the guest under ${rule}.args`)
  }
  return Object.freeze({ ...secrets })
}

/** The input of a tool as the guest gives it: nothing is asked of what the host fills. */
export function inputOfGuest({ input }: HostTool, secrets: SecretArguments): z.ZodType {
  const names = Object.keys(secrets)
  if (names.length === 0 || !(input instanceof z.ZodObject)) return input
  const shape: Record<string, z.core.SomeType> = { ...input.shape }
  for (const name of names) shape[name] = z.unknown().optional()
  return new z.ZodObject({ ...input.def, shape })
}

/** Throws DENIED_ARGUMENT when the guest gives what the host fills, whatever it gives. */
export function refuseSecretArguments(
  tool: HostTool,
  secrets: SecretArguments,
  args: unknown,
  rule: string,
): void {
  for (const name of Object.keys(secrets)) {
    if (typeof args !== 'object' || args === null || !Object.hasOwn(args, name)) continue
    throw new TollgateError(
      'DENIED_ARGUMENT',
      `The argument ${JSON.stringify(name)} of ${tool.name} is the host's.`,
      {
        rule: `${rule}.secrets.${name}`,
        hint: `Call ${tool.name} without ${JSON.stringify(name)}: the host adds it.`,
        change: `remove ${rule}.secrets.${name}`,
      },
    )
  }
}

/** The arguments as the tool is handed them. Throws CONFIG_SECRET_MISSING for a value that the tool does not take. */
export function withSecrets(
  tool: HostTool,
  args: unknown,
  names: SecretArguments,
  secrets: ReadonlyMap<string, ResolvedSecret>,
): unknown {
  const filled = Object.entries(names).map(([argument, name]) => {
    const parsed = argumentSchema(tool, argument)?.safeParse(secrets.get(name)?.value)
    if (parsed?.success === true) return [argument, parsed.data] as const
    // Without the cause: it could say what the value is.
    throw new TollgateError(
      'CONFIG_SECRET_MISSING',
      `The secret ${name} is not what ${tool.name} takes as ${argument}.`,
      {
        rule: `secrets.${name}`,
        notPerformed: true,
      },
    )
  })
  return filled.length === 0 ? args : { ...(args as object), ...Object.fromEntries(filled) }
}
