import type { Capability } from '../capabilities/capability.ts'
import type { HostTool } from '../capabilities/host-tool.ts'
import { sha256 } from '../digest/sha256.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { compilePolicy, isCompiledPolicy } from '../policy/compile.ts'
import { definePolicy, loadPolicyFile } from '../policy.ts'
import type { RunOptions } from './options.ts'

/**
 * Compiles the policies of runs against the host tools of one Tollgate. A policy that was compiled elsewhere is compiled again
 * from its canonical form, for it may have been compiled without these tools, and then nothing would check their arguments.
 */
export function createPolicyLoader(
  capabilities: readonly Capability[],
  tools: readonly HostTool[],
): (policy: RunOptions['policy']) => Promise<CompiledPolicy> {
  const bound = new WeakMap<CompiledPolicy, CompiledPolicy>()
  const bind = (policy: CompiledPolicy): CompiledPolicy => {
    const known = bound.get(policy)
    if (known !== undefined) return known
    const { baseDirectory } = policy
    const compiled = compilePolicy(JSON.parse(policy.canonical), {
      capabilities,
      sha256,
      ...(baseDirectory !== undefined && { baseDirectory }),
    })
    bound.set(policy, compiled)
    return compiled
  }
  return async (policy) => {
    if (isCompiledPolicy(policy)) return bind(policy)
    return typeof policy === 'string' ? loadPolicyFile(policy, { tools }) : definePolicy(policy, { tools })
  }
}
