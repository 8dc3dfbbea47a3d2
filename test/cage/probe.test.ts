import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { probeTiers } from '../../src/cage/probe.ts'
import { namespacesRemedy, type Machine } from '../../src/cage/remedies.ts'
import type { TierState } from '../../src/cage/tiers.ts'

const HOST = join(import.meta.dirname, 'probe-host.ts')
const FILTER_FD = 9

type Probed = {
  readonly states: readonly TierState[]
  readonly best?: string
  readonly code?: string
  readonly message?: string
}

/** What the probe finds behind a launcher; `filter` is handed over on descriptor 9. */
const probedBy = async (
  launcher: readonly string[],
  given: readonly string[] = [],
  filter?: Uint8Array,
): Promise<Probed> => {
  const [command = '', ...args] = [...launcher, process.execPath, HOST, ...given]
  const nothing = Array.from({ length: FILTER_FD - 3 }, () => 'ignore' as const)
  const child: ChildProcess = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit', ...nothing, 'pipe'],
  })
  const streams: readonly unknown[] = child.stdio
  const handed = streams[FILTER_FD] as Writable
  handed.end(filter)
  if (child.stdout === null) throw new Error('there is no output')
  return JSON.parse(await text(child.stdout)) as Probed
}

const stateOf = ({ states }: Probed, tier: string): TierState =>
  states.find((state) => state.tier === tier) ?? { tier: 'T1', available: true, facts: [] }

/** Says why a machine cannot be narrowed down here; in CI that is a failure. */
const need = (tier: string, skip: (note: string) => unknown): void => {
  const state = probeTiers().find((one) => one.tier === tier)
  if (state?.available !== false) return
  if (process.env['CI'] !== undefined) throw new Error(state.why)
  skip(state.why)
}

type Rule = readonly [code: number, ifTrue: number, ifFalse: number, k: number]
const [EPERM, ENOSYS] = [0x00050001, 0x00050026]
const refused = (number: number, verdict = EPERM): Rule[] => [
  [0x15, 0, 1, number],
  [0x06, 0, 0, verdict],
]
/** What the default profile of container engines refuses to a container without CAP_SYS_ADMIN, as far as it matters here. */
const CONTAINER_FILTER: readonly Rule[] = [
  [0x20, 0, 0, 0],
  ...refused(272), // unshare
  ...refused(165), // mount
  ...refused(308), // setns
  ...refused(435, ENOSYS), // clone3
  [0x15, 0, 3, 56], // clone, with any flag of a namespace
  [0x20, 0, 0, 16],
  [0x45, 0, 1, 0x7e020000],
  [0x06, 0, 0, EPERM],
  [0x06, 0, 0, 0x7fff0000],
]
const bytesOf = (rules: readonly Rule[]): Uint8Array => {
  const bytes = Buffer.alloc(rules.length * 8)
  for (const [at, [code, ifTrue, ifFalse, k]] of rules.entries()) {
    bytes.writeUInt16LE(code, at * 8)
    bytes.writeUInt8(ifTrue, at * 8 + 2)
    bytes.writeUInt8(ifFalse, at * 8 + 3)
    bytes.writeUInt32LE(k, at * 8 + 4)
  }
  return bytes
}

describe('where a box cannot be built, the probe says what to set', () => {
  it('the number of user namespaces is 0', async ({ skip }) => {
    need('T2', skip)
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    const probed = await probedBy(['unshare', '--user', '--map-root-user', 'sh', '-c', script, 'sh'])
    expect(probed.best).toBe('T1')
    for (const tier of ['T2', 'T3'])
      expect(stateOf(probed, tier)).toMatchObject({
        available: false,
        remedy: expect.stringContaining('sysctl -w user.max_user_namespaces=') as unknown,
      })
    expect(stateOf(probed, 'T2')).toMatchObject({ why: expect.stringContaining('No space left') as unknown })
  })

  it('a seccomp filter refuses namespaces, as in a container', async ({ skip }) => {
    need('T3', skip)
    if (process.arch !== 'x64') skip('the filter of this test is for x86-64')
    const launcher = ['bwrap', '--dev-bind', '/', '/', '--seccomp', String(FILTER_FD)]
    const probed = await probedBy(launcher, [], bytesOf(CONTAINER_FILTER))
    expect(probed.best).toBe('T1')
    for (const tier of ['T2', 'T3']) {
      const state = stateOf(probed, tier)
      expect(state.available).toBe(false)
      const said = JSON.stringify(state)
      for (const hint of [
        '--security-opt seccomp=PROFILE',
        '--cap-add SYS_ADMIN',
        'securityContext.seccompProfile',
        'hostUsers: false',
      ])
        expect(said).toContain(hint)
    }
  })

  it.each([
    ['darwin', 'has none of them; run it on Linux'],
    ['win32', 'has none of them; run it in WSL2'],
    ['freebsd', 'has none of them; run it on Linux'],
  ])('the platform is no Linux: %s is refused, with the reason', async (platform, words) => {
    const probed = await probedBy(['env'], [platform])
    expect(probed.states.map(({ available }) => available)).toEqual([false, false, false, false])
    expect(probed.code).toBe('CONFIG_TIER_UNAVAILABLE')
    expect(probed.message).toContain(words)
    expect(probed.message).toContain('/proc')
  })

  it('negative control: without a launcher this machine gives more', async ({ skip }) => {
    need('T2', skip)
    expect((await probedBy(['env'])).best).not.toBe('T1')
  })
})

describe('the remedy', () => {
  const open: Machine = {
    userNamespacesMax: '15000',
    unprivilegedClone: '1',
    appArmorRestricts: '0',
    appArmorProfile: 'unconfined',
    isFiltered: false,
  }

  it.each([
    [{ userNamespacesMax: '0' }, 'user.max_user_namespaces=15000'],
    [{ unprivilegedClone: '0' }, 'kernel.unprivileged_userns_clone=1'],
    [{ appArmorRestricts: '1' }, 'kernel.apparmor_restrict_unprivileged_userns=0'],
    [{ isFiltered: true }, '--security-opt seccomp='],
    [{ appArmorProfile: 'docker-default (enforce)' }, '--security-opt apparmor='],
  ] as const)('names what the machine says: %o', (said, words) => {
    expect(namespacesRemedy('refused', { ...open, ...said })).toContain(words)
  })

  it('knows a /proc that is covered in part, and names more than one thing', () => {
    const why = "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
    const remedy = namespacesRemedy(why, { ...open, isFiltered: true })
    for (const words of ['procMount: Unmasked', 'systempaths=unconfined', 'seccomp=PROFILE'])
      expect(remedy).toContain(words)
  })

  it('names every switch where the machine says nothing', () => {
    const remedy = namespacesRemedy('refused', open)
    for (const words of ['max_user_namespaces', 'unprivileged_userns_clone', 'apparmor_restrict'])
      expect(remedy).toContain(words)
  })
})
