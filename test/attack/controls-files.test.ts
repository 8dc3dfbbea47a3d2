import { constants, openSync } from 'node:fs'
import { describe, it } from 'vitest'
import type { Capability } from '../../src/capabilities/capability.ts'
import type { FsGrant } from '../../src/capabilities/fs/grant.ts'
import type { FsArguments, FsRequest } from '../../src/capabilities/fs/ops.ts'
import type { FilePowers } from '../../src/run/file-powers.ts'
import { filePowers } from '../harness/weak-files.ts'
import { withGrant, withSetting } from '../run/gates.ts'
import { expectBroken, named } from './breaking.ts'
import { weakHost, weakPowers } from './weak-builds.ts'

const weakDisk = (change: (real: FilePowers) => Partial<FilePowers>) =>
  weakPowers({ filesystem: filePowers(change) })

/** Links are followed, and what they lead to is taken for a file. */
const following = weakDisk((real) => ({
  openFolder: (at, name) =>
    openSync(`/proc/self/fd/${at}/${name}`, constants.O_RDONLY | constants.O_DIRECTORY),
  factsOf: real.factsOf,
}))

const hiding = weakDisk((real) => ({
  factsAt: (at, name) => ({ ...real.factsAt(at, name), links: 1 }),
  factsOf: (descriptor) => ({ ...real.factsOf(descriptor), links: 1 }),
}))

/** A grant that says another request than the guest's is allowed, and lets the guest's through. */
const mistaken = (change: (request: FsRequest, args: FsArguments) => FsRequest) =>
  weakHost(
    withGrant('filesystem', (grant) => ({
      ...grant,
      judge: (op, args) => {
        const given = args as FsArguments
        if (given.path === undefined) return grant.judge(op, args)
        const judged = grant.judge(op, { ...given, path: '/data/ok.csv' })
        return { ...judged, request: change(judged.request as FsRequest, given) }
      },
    })),
  )

/** A driver that shows names as they are. */
const showing = weakHost(
  withSetting(({ capabilities }) => {
    const real = capabilities.get('filesystem') as Capability
    const raw = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value).replace(/\\\\u\{([0-9a-f]+)\}/g, (_, code: string) =>
          JSON.stringify(String.fromCodePoint(parseInt(code, 16))).slice(1, -1),
        ),
      )
    const openDriver: Capability['openDriver'] = (grant, setting) => {
      const driver = real.openDriver(grant, setting)
      const perform: typeof driver.perform = async (...call) => {
        const outcome = await driver.perform(...call)
        return { ...outcome, value: raw(outcome.value ?? null) }
      }
      return { ...driver, perform }
    }
    return { capabilities: new Map([...capabilities, ['filesystem', { ...real, openDriver }]]) }
  }),
)

describe('files that are weaker', () => {
  it('by what is judged of a path', { timeout: 60_000 }, async () => {
    const blind = mistaken((request, { path = '' }) => ({ ...request, path }))
    await expectBroken(named('H41'), blind, /the guest got .*a planted secret was found in/)
    await expectBroken(named('H45'), blind, /the guest got .*a planted secret was found in/)
    const astray = mistaken((request, { path = '' }) => ({
      ...request,
      path,
      mount: path.startsWith('/in') ? 0 : 1,
    }))
    await expectBroken(named('H44', 'write'), astray, /in the mount there is now .*sub\/ok\.csv: gone/)
  })

  it('by what they take for a file', { timeout: 60_000 }, async () => {
    const leak = /the guest got .*a planted secret was found in/
    await expectBroken(named('H42', 'follow'), following, /the guest got .*outside every mount there is now/)
    await expectBroken(named('H42', 'read'), following, leak)
    await expectBroken(named('H43'), hiding, leak)
  })

  it('by committing what failed', async () => {
    const eager = weakHost(
      withGrant('filesystem', (grant) => {
        const { mounts } = grant as FsGrant
        return { ...grant, mounts: mounts.map((mount) => ({ ...mount, mode: 'write' as const })) }
      }),
    )
    await expectBroken(named('H44', 'stage'), eager, /^in the mount there is now fresh\.csv: file 600 new/)
  })

  it('by showing names as they are', async () => {
    await expectBroken(named('H45'), showing, /^a listing has names as they are$/)
  })
})
