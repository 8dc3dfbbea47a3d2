/**
 * Runs files of the Web Platform Tests in a cage, against the web classes of the runtime. The tests are not part of the project:
 * get.sh beside this file gets a release of them.
 */
import { hash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { CageDriver } from '../../../cage/cage-driver.ts'

/** Where get.sh puts them. */
const SUITE = join(import.meta.dirname, '..', '..', '..', '..', 'dist', 'platform-tests')
/** What has been got: the name of the release; undefined when nothing has. */
export const releaseOf = (): string | undefined => {
  const file = join(SUITE, 'RELEASE')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

/** The areas that the runtime has classes of, by their folder in the suite. */
export const AREAS = {
  url: 'url',
  encoding: 'encoding',
  abort: 'dom/abort',
  base64: 'html/webappapis/atob',
  'structured clone': 'html/webappapis/structured-clone',
  streams: 'streams',
} as const

/** These need what no tool has: WebIDL files from a server, another realm, a message port, or a collector that is told when. */
const NOT_FOR_US = /idlharness|shadowrealm|\/transferable\/|garbage-collection|cross-realm/

/** The files of one area, as paths in the suite. */
export const filesOf = (area: string): readonly string[] =>
  globSync('**/*.any.js', { cwd: join(SUITE, area) })
    .map((file) => `${area}/${file}`)
    .filter((file) => !NOT_FOR_US.test(file))
    .toSorted()

const inSuite = (file: string, path: string): string =>
  path.startsWith('/') ? path.slice(1) : normalize(join(dirname(file), path))

const read = (path: string): string => readFileSync(join(SUITE, path), 'utf8')

/** What a test asks for with `fetch`, by the name that it uses. */
const dataOf = (file: string, text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/fetch\("([^"]+\.json)"\)/g)].map(([, name = '']) => [name, read(inSuite(file, name))]),
  )

/** A tool that is one file of the suite: its harness, what it includes, and the test, in one scope; the result is what failed. */
const toolOf = (file: string): string => {
  const text = read(file)
  const included = [...text.matchAll(/^\/\/ META: script=(\S+)/gm)].map(([, path = '']) =>
    read(inSuite(file, path)),
  )
  return `export default (input) => new Promise((resolve) => {
    const self = globalThis
    const location = { search: '', pathname: '/', href: 'https://test.example/' }
    const GLOBAL = self.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false }
    const fetch = async (name) => ({ json: async () => JSON.parse(input[name]) })
    ;(function () { ${read('resources/testharness.js')}
    }).call(globalThis)
    const { ${HARNESS} } = globalThis
    setup({ explicit_timeout: true })
    add_completion_callback((tests) => resolve({
      passed: tests.filter(({ status }) => status === 0).length,
      failed: tests.filter(({ status }) => status !== 0).map(({ name, message }) => [name, String(message).slice(0, 300)]),
    }));
    let structuredCloneBatteryOfTests, testObjMock
    ${included.join('\n')}
    ${text}
    done()
  })`
}

/** What the harness gives to tests. */
const HARNESS = `test, async_test, promise_test, promise_rejects_js, promise_rejects_dom, promise_rejects_exactly,
  setup, done, step_timeout, format_value, add_completion_callback, EventWatcher,
  assert_true, assert_false, assert_equals, assert_not_equals, assert_in_array, assert_object_equals,
  assert_array_equals, assert_approx_equals, assert_less_than, assert_greater_than, assert_between_exclusive, assert_less_than_equal,
  assert_greater_than_equal, assert_regexp_match, assert_class_string, assert_own_property, assert_not_own_property, assert_inherits,
  assert_idl_attribute, assert_readonly, assert_throws_js, assert_throws_dom, assert_throws_exactly, assert_unreached,
  assert_any, assert_implements, assert_implements_optional`

/** What became of one file. */
export type Told = {
  readonly passed: number
  /** Name and message of each test that failed; the file itself where it came to no end. */
  readonly failed: readonly (readonly [name: string, message: string])[]
}

/** Runs one file. */
export async function runFile(driver: CageDriver, file: string): Promise<Told> {
  const { ok, value, error } = await driver.run({
    code: toolOf(file),
    input: dataOf(file, read(file)),
    segmentMs: 60_000,
  })
  if (ok) return value as Told
  return { passed: 0, failed: [[file, String(error?.message).slice(0, 300)]] }
}

/** What is expected of one file: how many pass and fail, which fail, and why they do. */
export type Expected = {
  readonly passed: number
  readonly failed: number
  /** Digest of the names of those that fail. */
  readonly names?: string
  readonly why?: string
}

/** The expectations for one release. */
export type Expectations = { readonly release: string; readonly files: Readonly<Record<string, Expected>> }

const EXPECTATIONS = join(import.meta.dirname, 'expectations.json')
export const readExpectations = (): Expectations =>
  JSON.parse(readFileSync(EXPECTATIONS, 'utf8')) as Expectations

/** What was told, as it is expected next time; a reason that stands there stays. */
export const expectedOf = ({ passed, failed }: Told, why: string | undefined): Expected => {
  const names = failed.map(([name]) => name).toSorted()
  if (names.length === 0) return { passed, failed: 0 }
  const digest = hash('sha256', JSON.stringify(names)).slice(0, 16)
  return { passed, failed: names.length, names: digest, ...(why !== undefined && { why }) }
}

/** Writes what is expected from now on. */
export const keepExpectations = (expectations: Expectations): void =>
  writeFileSync(EXPECTATIONS, `${JSON.stringify(expectations, null, 2)}\n`)
