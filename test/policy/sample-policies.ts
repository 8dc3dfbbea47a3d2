/** Policies and host tools that the tests of src/policy share. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { definePolicy, parsePolicy, policyProblems } from '../../src/policy.ts'
import type { CompiledPolicy, PolicyProblem } from '../../src/policy.ts'
import { hostTools } from './sample-tools.ts'

/** A document that a test changes before it compiles it. */
export type Data = { [key: string]: Value }
export type Value = null | boolean | number | string | Value[] | Data

const fixture = (name: string): string =>
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'policies', name), 'utf8')

/** The user's own example, as DESIGN.md has it. */
export const usersExampleText = fixture('users-example.yaml')
/** A policy that uses every key that is built. */
export const richText = fixture('rich.yaml')

const richData = parse(richText) as Data
/** A fresh copy of the rich policy as data. */
export const richDocument = (): Data => structuredClone(richData)

/** Compiles a document against {@link hostTools}. */
export const compile = (document: Data): CompiledPolicy => definePolicy(document, { tools: hostTools })

/** Compiles a text against {@link hostTools}. */
export const compileText = (text: string): CompiledPolicy => parsePolicy(text, { tools: hostTools })

/** The problems of what does not compile; empty when it does. Throws what is no error of a policy. */
export function problemsOf(attempt: () => unknown): readonly PolicyProblem[] {
  try {
    attempt()
    return []
  } catch (error) {
    const problems = policyProblems(error)
    if (problems.length === 0) throw error
    return problems
  }
}

/** A place in a document. */
export type Path = readonly (string | number)[]

/** Every key and every element of a document, from the outside in. */
export const pathsOf = (value: Value, path: Path = []): Path[] => {
  if (typeof value !== 'object' || value === null) return []
  const inner = Array.isArray(value) ? value.map((one, at) => [at, one] as const) : Object.entries(value)
  return inner.flatMap(([part, one]) => [[...path, part], ...pathsOf(one, [...path, part])])
}

/** Finds what holds a place: the mapping or the list around it. */
const holderOf = (document: Data, path: Path): Data | Value[] | undefined =>
  path
    .slice(0, -1)
    .reduce<Value | undefined>(
      (value, part) => (value as Record<string | number, Value> | undefined)?.[part],
      document,
    ) as Data | Value[] | undefined

/** Removes a key or an element, in place. Nothing happens where it is not there any more. */
export function remove(document: Data, path: Path): void {
  const holder = holderOf(document, path)
  const last = path.at(-1)
  if (Array.isArray(holder) && typeof last === 'number') holder.splice(last, 1)
  else if (holder !== undefined && !Array.isArray(holder)) delete holder[String(last)]
}

/** Sets a key or an element, in place. */
export function put(document: Data, path: Path, value: Value): void {
  const holder = holderOf(document, path) as Record<string | number, Value>
  holder[path.at(-1) ?? ''] = value
}

/** Gives a key another name where it stands, in place. */
export function rename(document: Data, path: Path, name: string): void {
  const holder = holderOf(document, path) as Data
  const entries = Object.entries(holder)
  for (const [key] of entries) delete holder[key]
  for (const [key, value] of entries) holder[key === path.at(-1) ? name : key] = value
}
