import type { Effect } from '../../../runtime/abi/ops.ts'
import { judgeAddresses, readNetwork, type Network } from './address.ts'
import { readDomainPattern } from './domain-pattern.ts'
import { isBodiless } from './ops.ts'
import type { EntryDocument } from './entry-schema.ts'

/** What is wrong between keys that are each well-formed. */
export type DocumentProblem = {
  readonly path: readonly (string | number)[]
  readonly message: string
  /** The key is known but not enforced yet. */
  readonly notBuilt?: boolean
}

const STRENGTH: Readonly<Record<Effect, number>> = { read: 0, write: 1, irreversible: 2 }

/** The stronger of two effects. */
export const strongerEffect = (a: Effect, b: Effect): Effect => (STRENGTH[a] >= STRENGTH[b] ? a : b)

/** What a method does when no policy says more (RFC 9110, section 9.2.1: GET and HEAD are safe). */
export const effectOfMethod = (method: string): Effect => (isBodiless(method) ? 'read' : 'write')

type Document = {
  readonly allowed_domains: readonly EntryDocument[]
  readonly private_networks: readonly string[]
}

/** Finds what no single key can show. Pure; never throws. */
export function findDocumentProblems(document: Document): readonly DocumentProblem[] {
  const networks = document.private_networks
    .map((text) => readNetwork(text))
    .filter((network) => typeof network !== 'string')
  return document.allowed_domains.flatMap((entry, index) =>
    entryProblems(entry, networks).map((problem) => ({
      ...problem,
      path: ['allowed_domains', index, ...problem.path],
    })),
  )
}

function entryProblems(entry: EntryDocument, networks: readonly Network[]): DocumentProblem[] {
  const problems: DocumentProblem[] = []
  const weaker = entry.methods.find(
    (method) =>
      entry.effect !== undefined && strongerEffect(effectOfMethod(method), entry.effect) !== entry.effect,
  )
  if (weaker !== undefined) {
    problems.push({
      path: ['effect'],
      message: `${weaker} has the effect ${effectOfMethod(weaker)}, which may be raised, never lowered`,
    })
  }
  if (entry.key_ttl_seconds !== undefined && entry.idempotency !== 'keyed') {
    problems.push({ path: ['key_ttl_seconds'], message: 'has a meaning only with idempotency: keyed' })
  }
  if (entry.idempotency === 'keyed' && entry.headers.includes('idempotency-key')) {
    problems.push({
      path: ['headers'],
      message: 'idempotency-key is set by the host when idempotency is keyed',
    })
  }
  if (entry.auth !== undefined && entry.headers.includes('authorization')) {
    problems.push({ path: ['headers'], message: 'authorization is set by the host when auth is given' })
  }
  if (entry.label.length > 0) {
    problems.push({ path: ['label'], message: 'labels are not built yet: remove the key', notBuilt: true })
  }
  return [...problems, ...addressProblems(entry, networks)]
}

/** A literal that no call could ever reach is a mistake to tell at load. */
function addressProblems(entry: EntryDocument, networks: readonly Network[]): DocumentProblem[] {
  const pattern = readDomainPattern(entry.domain)
  if (typeof pattern === 'string' || pattern.address === undefined) return []
  const refusal = judgeAddresses([pattern.address], networks)
  if (refusal === undefined) return []
  const message = `the address ${pattern.address} is ${refusal.range}: list its network under permissions.http.private_networks too`
  return [{ path: ['domain'], message }]
}
