import type * as Yaml from 'yaml'
import type { Document, LineCounter, Node, Pair } from 'yaml'
import { formatPath, type PolicyPath } from './path.ts'
import { DOCUMENT_DEPTH_MAX, DOCUMENT_VALUES_MAX, isForbiddenKey, type Json } from './plain-data.ts'
import {
  policyError,
  ProblemList,
  type PolicyProblem,
  type Position,
  type PositionFinder,
} from './problem.ts'

/** Largest policy text, in bytes of UTF-8. */
export const POLICY_BYTES_MAX = 1024 * 1024

/** A document as data, and where each of its keys stands in the text. */
export type ParsedPolicy = { readonly document: Json; readonly positions: PositionFinder }

const SYNTAX = { code: 'CONFIG_POLICY_SYNTAX' } as const
const CORE_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
)

/**
 * Reads a policy written in YAML 1.2 (core schema) or JSON. Refuses more than a document needs: repeated keys, keys that
 * are not text, foreign tags, several documents, other YAML versions, endless aliases. `yaml` is the library. Throws CONFIG_POLICY_SYNTAX.
 */
export function parsePolicyText(text: string, yaml: typeof Yaml): ParsedPolicy {
  if (new TextEncoder().encode(text).length > POLICY_BYTES_MAX) {
    throw policyError([{ ...SYNTAX, path: '', message: `is larger than ${POLICY_BYTES_MAX} bytes` }])
  }
  const lines = new yaml.LineCounter()
  const parsed = yaml.parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    lineCounter: lines,
    // Repeated keys are found below, in linear time and with their place.
    uniqueKeys: false,
  })
  const syntax = syntaxProblems(parsed, lines)
  if (syntax.length > 0) throw policyError(syntax)
  return new Reader(yaml, parsed, lines).read()
}

const at = (lines: LineCounter, offset: number): Position => {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function syntaxProblems(parsed: Document, lines: LineCounter): PolicyProblem[] {
  // The library says so once for each level that it gave up on.
  const exhausted = parsed.errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION')
  if (exhausted)
    return [{ ...SYNTAX, path: '', message: 'is nested too deeply', ...at(lines, exhausted.pos[0]) }]
  const problems = [...parsed.errors, ...parsed.warnings].map(({ message, pos, code }): PolicyProblem => {
    const said = code === 'MULTIPLE_DOCS' ? 'holds several documents; a policy is one' : message
    return { ...SYNTAX, path: '', message: said, ...at(lines, pos[0]) }
  })
  const { version } = parsed.directives?.yaml ?? {}
  if (version !== undefined && version !== '1.2') {
    problems.push({
      ...SYNTAX,
      path: '',
      message: `asks for YAML ${version}; a policy is YAML 1.2`,
      line: 1,
      column: 1,
    })
  }
  return problems
}

/** Turns the syntax tree into data. One reader reads one document. */
class Reader {
  readonly #yaml: typeof Yaml
  readonly #parsed: Document
  readonly #lines: LineCounter
  readonly #positions = new Map<string, Position>()
  // What each anchor stands for at this point of the text: the last node that bears it.
  readonly #anchors = new Map<string, Node>()
  readonly #problems: ProblemList
  #count = 0
  #aliasDepth = 0

  constructor(yaml: typeof Yaml, parsed: Document, lines: LineCounter) {
    this.#yaml = yaml
    this.#parsed = parsed
    this.#lines = lines
    this.#problems = new ProblemList(this.#find)
  }

  read(): ParsedPolicy {
    const document = this.#value(this.#parsed.contents, [])
    this.#problems.throwIfAny()
    return { document, positions: this.#find }
  }

  readonly #find: PositionFinder = (path) => {
    for (let size = path.length; size >= 0; size -= 1) {
      const found = this.#positions.get(formatPath(path.slice(0, size)))
      if (found !== undefined) return found
    }
    return undefined
  }

  #refuse(path: PolicyPath, message: string): null {
    this.#problems.add(path, message, SYNTAX)
    return null
  }

  #mark(path: PolicyPath, node: unknown): void {
    const range = (node as Node | null)?.range
    const key = formatPath(path)
    if (range && !this.#positions.has(key)) this.#positions.set(key, at(this.#lines, range[0]))
  }

  #value(node: Node | null, path: PolicyPath): Json {
    this.#mark(path, node)
    this.#count += 1
    // Aliases are followed here, so a bomb of them runs into this count, and a cycle into the depth.
    if (this.#count > DOCUMENT_VALUES_MAX) {
      return this.#count === DOCUMENT_VALUES_MAX + 1
        ? this.#refuse([], `has more than ${DOCUMENT_VALUES_MAX} values`)
        : null
    }
    if (path.length > DOCUMENT_DEPTH_MAX)
      return this.#refuse(path, 'is nested too deeply, or contains itself')
    if (node === null) return null
    if (this.#yaml.isAlias(node)) return this.#followed(node.source, path)
    this.#anchor(node)
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag))
      return this.#refuse(path, `has the tag ${node.tag}, which means nothing here`)
    if (this.#yaml.isMap(node)) return this.#mapping(node.items, path)
    if (this.#yaml.isSeq(node))
      return node.items.map((item, index) => this.#value(item as Node | null, [...path, index]))
    return this.#yaml.isScalar(node) ? this.#scalar(node.value, path) : this.#refuse(path, 'is not data')
  }

  // The library's own resolver walks the whole document for each alias, so a few thousand of them would take minutes.
  #anchor(node: Node | null): void {
    const name = this.#yaml.isCollection(node) || this.#yaml.isScalar(node) ? node.anchor : undefined
    if (name !== undefined && this.#aliasDepth === 0) this.#anchors.set(name, node as Node)
  }

  #followed(source: string, path: PolicyPath): Json {
    const target = this.#anchors.get(source)
    if (target === undefined) return this.#refuse(path, `refers to *${source}, which is not defined`)
    this.#aliasDepth += 1
    const value = this.#value(target, path)
    this.#aliasDepth -= 1
    return value
  }

  #scalar(value: unknown, path: PolicyPath): Json {
    // .nan and .inf are well-formed; that they mean nothing here is for the compiler to say.
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'boolean' ||
      typeof value === 'number'
    )
      return value
    return this.#refuse(path, 'is not data')
  }

  #mapping(items: readonly Pair[], path: PolicyPath): Json {
    const mapping: Record<string, Json> = {}
    for (const { key, value } of items) {
      this.#anchor(key as Node | null)
      const name = this.#yaml.isScalar(key) && typeof key.value === 'string' ? key.value : undefined
      if (name === undefined) {
        this.#refuse(path, 'has a key that is not text')
        continue
      }
      const inner = [...path, name]
      if (isForbiddenKey(name)) this.#refuse(inner, 'is no key of a policy')
      else if (Object.hasOwn(mapping, name))
        this.#refuse(inner, `is written twice, the second time in line ${this.#line(key)}`)
      else {
        this.#mark(inner, key)
        mapping[name] = this.#value(value as Node | null, inner)
      }
    }
    return mapping
  }

  #line(node: unknown): number {
    return at(this.#lines, (node as Node).range?.[0] ?? 0).line
  }
}
