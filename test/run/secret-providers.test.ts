import { describe, expect, it } from 'vitest'
import type { SecretAsker, SecretProvider } from '../../src/index.ts'
import { checkPolicy, definePolicy, explainPolicy } from '../../src/policy.ts'
import { resolveSecrets } from '../../src/run/secrets.ts'
import { TokenHolders } from '../../src/run/token-holders.ts'
import { openGate } from '../harness/gate.ts'

const VALUE = 'sk-vault-4f9a1c7be2d84c50'
const policyOf = (from: string, more: object = {}): object => ({
  secrets: { key: { from, bearer: {}, hosts: ['api.company.com'] }, ...more },
})

const run = async (secrets: SecretProvider | undefined, options: object = {}): Promise<unknown> => {
  await using gate = await openGate(secrets === undefined ? {} : { secrets })
  // That it is redacted shows that it was known before the tool began.
  const policy = policyOf('provider:vault/company')
  const { value } = await gate.run({ code: 'return input', input: VALUE, policy, ...options })
  return value
}

describe('a secret of a provider', () => {
  it('is asked for once a run, with who asks, before the tool begins', async () => {
    const asked: [string, Omit<SecretAsker, 'signal'>][] = []
    const provide: SecretProvider = async (name, { principal, task }) => {
      asked.push([name, { principal, task }])
      return Promise.resolve(VALUE)
    }
    expect(await run(provide, { principal: 'ada', task: 'orders' })).toBe('[redacted:key]')
    expect(asked).toEqual([['vault/company', { principal: 'ada', task: 'orders' }]])
  })

  it('is not asked for by a policy that does not name it', async () => {
    let asked = 0
    const provide: SecretProvider = () => {
      asked += 1
      return VALUE
    }
    expect(await run(provide, { policy: {} })).toBe(VALUE)
    expect(asked).toBe(0)
  })

  it.each<[string, SecretProvider | undefined]>([
    ['there is no provider', undefined],
    [
      'it throws',
      () => {
        throw new Error(`cannot unwrap ${VALUE}`)
      },
    ],
    ['it rejects', () => Promise.reject(new Error(`cannot unwrap ${VALUE}`))],
    ['it gives nothing', () => ''],
    ['it gives what is no text', () => 7 as unknown as string],
    ['it gives what is too short to be redacted', () => 'abc'],
  ])('is CONFIG_SECRET_MISSING when %s, and nothing runs', async (_, provide) => {
    const events: string[] = []
    await using gate = await openGate({
      ...(provide && { secrets: provide }),
      onEvent: ({ kind }) => events.push(kind),
    })
    const error: unknown = await gate
      .run({ code: 'return 1', policy: policyOf('provider:vault/company') })
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'CONFIG_SECRET_MISSING', facts: { rule: 'secrets.key' } })
    expect((error as Error).message).not.toContain(VALUE)
    expect([events, await gate.runs.list()]).toEqual([[], []])
  })

  it('that never comes is missing at the deadline, and whoever gives it is told', async () => {
    let told: AbortSignal | undefined
    const provideSecret: SecretProvider = (_, { signal }) => {
      told = signal
      return Promise.withResolvers<string>().promise
    }
    const policy = definePolicy(policyOf('provider:vault/company'))
    const holders = new TokenHolders(() => 0)
    const sources = { env: {}, provideSecret, providerMsMax: 5, holders }
    const asker = { principal: 'ada', task: undefined, signal: undefined }
    await expect(resolveSecrets(policy, sources, asker)).rejects.toMatchObject({
      code: 'CONFIG_SECRET_MISSING',
      message: 'The secret key has no value: the provider did not give provider:vault/company within 5 ms.',
    })
    expect(told?.aborted).toBe(true)
  })

  it('is waited for no longer by a run that is cancelled, and the tool does not begin', async () => {
    const cancel = new AbortController()
    const events: string[] = []
    const secrets: SecretProvider = () => {
      cancel.abort()
      return Promise.withResolvers<string>().promise
    }
    await using gate = await openGate({ secrets, onEvent: ({ kind }) => events.push(kind) })
    const policy = policyOf('provider:vault/company')
    const result = await gate.run({ code: 'console.log(1)', policy, signal: cancel.signal })
    expect([result.status, result.logs, events]).toEqual(['cancelled', [], []])
  })

  it('does not keep a Tollgate that is closed by force', async () => {
    const asked = Promise.withResolvers<undefined>()
    const secrets: SecretProvider = () => {
      asked.resolve(undefined)
      return Promise.withResolvers<string>().promise
    }
    const gate = await openGate({ secrets })
    const running = gate.run({ code: 'return 1', policy: policyOf('provider:vault/company') })
    await asked.promise
    await gate.close({ force: true })
    expect((await running).status).toBe('cancelled')
  })

  it('is named by explain', () => {
    const { credentials } = explainPolicy(definePolicy(policyOf('provider:vault/company')))
    expect(credentials).toEqual([
      {
        name: 'key',
        from: 'provider:vault/company',
        sentAs: 'Authorization: Bearer',
        hosts: ['api.company.com'],
      },
    ])
  })
})

describe('the check of a policy', () => {
  const bearer = { bearer: {}, hosts: ['api.company.com'] }
  const document = policyOf('env:COMPANY', {
    gone: { from: 'file:/nowhere/key', ...bearer },
    vault: { from: 'provider:vault', ...bearer },
  })

  it('tells which secrets are missing, and no value', async () => {
    const found = await checkPolicy({ document }, { env: { COMPANY: 'abc' } })
    expect(found.ok).toBe(true)
    expect(found.warnings.map(({ path, message }) => [path, message])).toEqual([
      ['secrets.key', 'The secret key is shorter than 8 characters, so it could not be redacted.'],
      ['secrets.gone', 'The secret gone has no value: the file /nowhere/key cannot be read.'],
    ])
    const missing = await checkPolicy({ document }, { env: {} })
    expect(missing.warnings[0]?.message).toBe(
      'The secret key has no value: the environment variable COMPANY is not set.',
    )
  })

  it('counts them as problems when it is strict, and asks nobody without an environment', async () => {
    const strict = await checkPolicy({ document }, { env: { COMPANY: VALUE }, strict: true })
    expect(strict).toMatchObject({ ok: false, problems: [{ code: 'CONFIG_SECRET_MISSING' }] })
    expect(await checkPolicy({ document }, { strict: true })).toMatchObject({ ok: true, warnings: [] })
  })
})
