import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TollgateError } from '../errors/tollgate-error.ts'
import { boxFor, type Box, type CageParts } from './boxes.ts'
import { gatherParts } from './parts.ts'
import { namespacesRemedy, type Machine } from './remedies.ts'
import { isAtLeast, TIERS, type Tier, type TierState } from './tiers.ts'

const PROBE_MS_MAX = 10_000

/** The smallest program there is: what starts a box around it starts one around a cage. */
const EMPTY_PROGRAM = '/bin/true'

const emptyParts = (): CageParts => ({
  ...gatherParts(EMPTY_PROGRAM),
  nodePath: EMPTY_PROGRAM,
  addon: EMPTY_PROGRAM,
  isJitless: false,
  hasPermissions: false,
})

/** Opens bytes as a descriptor, by a file that has no name any more. */
function openBytes(bytes: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-'))
  try {
    const path = join(folder, 'filter')
    writeFileSync(path, bytes, { mode: 0o600 })
    return openSync(path, 'r')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Remedy = { readonly program: string; readonly install: string }

const REMEDIES: Readonly<Record<'T1' | 'T2' | 'T3', readonly Remedy[]>> = {
  T1: [
    { program: 'setpriv', install: 'apt-get install util-linux' },
    { program: 'prlimit', install: 'apt-get install util-linux' },
  ],
  T2: [{ program: 'unshare', install: 'apt-get install util-linux' }],
  T3: [{ program: 'bwrap', install: 'apt-get install bubblewrap' }],
}

const isInstalled = (program: string): boolean =>
  ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin'].some((folder) => existsSync(`${folder}/${program}`))

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').replace(/[\s\0]+$/, '')
  } catch {
    return ''
  }
}

const machine = (): Machine => ({
  userNamespacesMax: textOf('/proc/sys/user/max_user_namespaces'),
  unprivilegedClone: textOf('/proc/sys/kernel/unprivileged_userns_clone'),
  appArmorRestricts: textOf('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
  appArmorProfile: textOf('/proc/self/attr/current'),
  isFiltered: /^Seccomp:\s*2$/m.test(textOf('/proc/self/status')),
})

/** Runs a box around nothing. Undefined when it worked, else the last thing that it said. */
function tryBox({ command, args, env, filter }: Box): string | undefined {
  const descriptor = filter === undefined ? undefined : openBytes(filter)
  const { error, status, signal, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ignore', descriptor ?? 'ignore'],
    env,
    cwd: '/',
    timeout: PROBE_MS_MAX,
    encoding: 'utf8',
  })
  if (descriptor !== undefined) closeSync(descriptor)
  if (error !== undefined) return error.message
  if (status === 0) return undefined
  return stderr.trim().split('\n').at(-1) ?? `it ended with ${signal ?? String(status)}`
}

/** Evidence that this machine is itself inside what T4 asks for. */
function outerBox(): string | undefined {
  if (/gvisor/i.test(textOf('/proc/version'))) return 'gVisor'
  const isVirtual = /^flags\s*:.*\bhypervisor\b/m.test(textOf('/proc/cpuinfo'))
  return isVirtual && /virtio_mmio\.device=/.test(textOf('/proc/cmdline')) ? 'a microVM' : undefined
}

/** What somebody should know of a tier that can be had here. */
function factsOf(tier: Tier, { isRoot, canBeNobody }: CageParts): string[] {
  if (!isRoot || tier === 'T3') return []
  if (tier === 'T1' && canBeNobody()) return ['started by root, a cage runs as uid 65534']
  return ['the host is root, and so is whoever takes a cage over: start Tollgate as an ordinary user']
}

function probeOne(tier: 'T1' | 'T2' | 'T3'): TierState {
  if (process.platform !== 'linux') {
    const remedy =
      process.platform === 'win32' ? 'run it in WSL2' : 'run it on Linux, in a container or a virtual machine'
    const why = `cages are metered through /proc and held by prlimit and namespaces, and ${process.platform} has none of them`
    return { tier, available: false, why, remedy }
  }
  const missing = REMEDIES[tier].find(({ program }) => !isInstalled(program))
  if (missing !== undefined)
    return { tier, available: false, why: `${missing.program} is not installed`, remedy: missing.install }
  const parts = emptyParts()
  const box = boxFor(tier, parts, process.arch)
  if (box === undefined)
    return {
      tier,
      available: false,
      why: `there is no seccomp filter for ${process.arch}`,
      remedy: 'use x64 or arm64',
    }
  const why = tryBox(box)
  return why === undefined
    ? { tier, available: true, facts: factsOf(tier, parts) }
    : { tier, available: false, why, remedy: namespacesRemedy(why, machine()) }
}

const known = new Map<Tier, TierState>()

/** Whether a tier can be had on this machine; tried once in the life of the process, about 10 ms each. */
function probeTier(tier: Tier): TierState {
  const state = known.get(tier) ?? (tier === 'T4' ? probeOuter() : probeOne(tier))
  known.set(tier, state)
  return state
}

function probeOuter(): TierState {
  const inner = probeTier('T3')
  if (!inner.available) return { ...inner, tier: 'T4' }
  const outer = outerBox()
  if (outer !== undefined) return { tier: 'T4', available: true, facts: [`inside ${outer}`] }
  return {
    tier: 'T4',
    available: false,
    why: 'this machine is neither gVisor nor a microVM',
    remedy: 'start the host inside one',
  }
}

/** Every tier, the weakest first. */
export const probeTiers = (): readonly TierState[] => TIERS.map(probeTier)

let best: Tier | undefined

/** The strongest tier that can be had. Throws CONFIG_TIER_UNAVAILABLE when there is none, or none that is at least `least`. */
export function bestTier(least: Tier = 'T1'): Tier {
  best ??= TIERS.findLast((tier) => probeTier(tier).available)
  if (best !== undefined && isAtLeast(best, least)) return best
  const missing = probeTier(best === undefined ? 'T1' : least)
  const why = missing.available ? 'it cannot be had' : `${missing.why}; ${missing.remedy}`
  throw new TollgateError('CONFIG_TIER_UNAVAILABLE', `The tier ${missing.tier} is demanded: ${why}.`, {
    gate: 'cage',
    rule: 'security.min_tier',
  })
}
