import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TokenHolder } from '../../src/capabilities/capability.ts'
import type { RunEvent, RunResult } from '../../src/index.ts'
import { TokenHolders } from '../../src/run/token-holders.ts'
import { openSite } from '../harness/site.ts'
import { dumpState } from '../harness/state-dump.ts'
import { FIRST_REFRESH_TOKEN, openTokenSite, TOKEN_ENV, tokenPolicy } from '../harness/token-site.ts'
import { formsIn, writtenForms } from '../harness/written-secrets.ts'
import { openGateOf, type Replace } from '../run/gates.ts'

/** Holders whose tokens no redactor hears of. */
class Silent extends TokenHolders {
  override of(...given: Parameters<TokenHolders['of']>): TokenHolder {
    const holder = super.of(...given)
    return { known: [], get: (...asked) => holder.get(...asked) }
  }
}

const silent: Replace = (parts) => ({
  ...parts,
  prepare: { ...parts.prepare, holders: new Silent(() => performance.now()) },
})

type Told = {
  readonly results: readonly RunResult[]
  /** Results, events, audit, and all that the state folder holds. */
  readonly everything: string
  readonly secrets: readonly string[]
}

/**
 * A site that hands back every token it gave, in every form; then a stranger who was told of them hands them to a later run, which
 * itself uses no credential.
 */
async function attack(replace?: Replace): Promise<Told> {
  await using site = await openTokenSite({ lifetime: 0, rotates: true })
  const forms = (): string =>
    JSON.stringify([...site.given, FIRST_REFRESH_TOKEN].map((one) => writtenForms(one)))
  await using stranger = await openSite((_, response) => void response.end(forms()))
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-h30-'))
  try {
    const events: RunEvent[] = []
    const state = join(folder, 'state')
    const auditLog = join(folder, 'audit.log')
    const options = {
      state,
      auditLog,
      powers: { env: TOKEN_ENV },
      onEvent: (event: RunEvent) => events.push(event),
    }
    const gate = await openGateOf(options, replace)
    const base = tokenPolicy(site) as { permissions: { http: { allowed_domains: object[] } } }
    base.permissions.http.allowed_domains.push({ domain: stranger.origin })
    const run = (code: string): Promise<RunResult> =>
      gate.run({ code, policy: base, input: [site.origin, stranger.origin] })
    const results = [
      await run(`
        const first = await (await http.get(input[0] + '/a')).text()
        const second = await (await http.get(input[0] + '/b')).text()
        console.log(first, second)
        const told = await (await http.get(input[1])).text()
        return [first, second, told]`),
      await run(`throw new Error(await (await http.get(input[1])).text())`),
      await run(`return await (await http.get(input[1])).json()`),
    ]
    const audit = JSON.stringify(await gate.audit.read())
    await gate.close()
    const parts = [JSON.stringify(results), JSON.stringify(events), audit, await readFile(auditLog, 'utf8')]
    const everything = [...parts, await dumpState(state)].join('\n')
    return { results, everything, secrets: [...site.given, FIRST_REFRESH_TOKEN] }
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe('tokens that came into being while runs went on', () => {
  it('are taken out of results, errors, logs and records, whichever run got them', async () => {
    const { results, everything, secrets } = await attack()
    expect(results.map(({ status }) => status)).toEqual(['done', 'failed', 'done'])
    // Two renewals, each with the refresh token of next time.
    expect(secrets.length).toBe(5)
    for (const secret of secrets) expect(formsIn(everything, secret)).toEqual([])
    expect(JSON.stringify(results[2]?.value)).toContain('[redacted:crm]')
  })

  it('stand in all of it where no redactor hears of them (negative control)', async () => {
    const { results, everything, secrets } = await attack(silent)
    expect(results.map(({ status }) => status)).toEqual(['done', 'failed', 'done'])
    for (const secret of secrets.slice(0, -1)) expect(formsIn(everything, secret)).not.toEqual([])
  })
})
