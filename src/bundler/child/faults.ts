import type { Message } from 'esbuild'
import { CUT_MARK } from '../../../runtime/abi/crossing.ts'
import { insteadOf } from '../instead.ts'
import type { BundleFault } from '../wire.ts'

/** What the tool's author calls a file, by what the bundler calls it. */
type NameOf = (path: string) => string | undefined

type Messages = { readonly errors: readonly Message[]; readonly warnings: readonly Message[] }

/** Why an import was refused, carried through the bundler by its messages: `tells` follows the words `The tool imports`. */
export type Refusal = { readonly tells: string; readonly hint: string }

/** A tool that takes in more than a bundle may be made of. */
export const SIZE_FAULT: BundleFault = {
  fault: 'size',
  message: 'The tool imports more than a bundle may be made of.',
  hint: 'Import less.',
}

/** Where a computed, an absolute or a linked path leads astray; told without names, for the bundler has looked there by itself. */
export const ASTRAY: Refusal = {
  tells: 'by a path that is absolute or computed, or leads out of the folder of the tool',
  hint: 'Write the relative path out, as one string, to a file beneath the folder of the tool.',
}
/** A computed path stands for all files that fit; where the tool stands among others, those are not meant. */
export const COMPUTED_FAULT: BundleFault = {
  fault: 'import',
  message: `The tool, or a package of it, imports ${ASTRAY.tells}.`,
  hint: ASTRAY.hint,
}
const IS_COMPUTED = /^Could not resolve (?:import|require)\(|^The glob pattern /
const UNRESOLVED = /^Could not resolve "(.*)"$/s
const isRefusal = (detail: unknown): detail is Refusal =>
  typeof detail === 'object' && detail !== null && 'tells' in detail

/** Why a name leads to nothing. */
function missing(name: string): Refusal {
  const instead = insteadOf(name)
  if (instead !== undefined)
    return { tells: `'${name}', a module of Node, and there is none inside`, hint: instead }
  return /^[./#]/.test(name)
    ? { tells: `'${name}', which is not there`, hint: 'Name a file beneath the folder of the tool.' }
    : {
        tells: `'${name}', which is not installed, or the package has nothing by that name`,
        hint: 'Install it in the folder of the tool or above it; its install scripts are not needed.',
      }
}

function refusalOf({ text, detail }: Message): Refusal | undefined {
  if (isRefusal(detail)) return detail
  if (IS_COMPUTED.test(text)) return ASTRAY
  const [, name] = UNRESOLVED.exec(text) ?? []
  return name === undefined ? undefined : missing(name)
}

/** The bundler reads these itself, through any link, and would quote what it finds in one that is none. */
const MANIFEST = /(?:^|\/)package\.json$/

const TOLD_SIZE_MAX = 1000
/** The tool's own words may be long. */
const cut = (text: string): string =>
  text.length > TOLD_SIZE_MAX ? text.slice(0, TOLD_SIZE_MAX) + CUT_MARK : text

/** Says why a tool could not be bundled. */
function faultOf(message: Message, nameOf: NameOf): BundleFault {
  const { location, text } = message
  const place = location === null ? 'tool' : `${nameOf(location.file) ?? 'tool'}:${location.line}`
  const refusal = refusalOf(message)
  if (refusal !== undefined)
    return {
      fault: 'import',
      message: `The tool imports ${cut(refusal.tells)} (${place}).`,
      hint: refusal.hint,
    }
  const said = MANIFEST.test(location?.file ?? '')
    ? 'A package.json is no JSON'
    : cut(text.replaceAll(/"([^"]*)"/g, (whole, path: string) => JSON.stringify(nameOf(path)) ?? whole))
  const column = location === null ? '' : `:${location.column + 1}`
  return {
    fault: 'syntax',
    message: `The tool does not parse: ${said} (${place}${column}).`,
    hint: 'Mend the syntax.',
  }
}

/** The first thing that is wrong with a tool, by what the bundler has to say of it; undefined when it is fine. */
export function firstFault({ errors, warnings }: Messages, nameOf: NameOf): BundleFault | undefined {
  const first = errors[0] ?? warnings.find(({ text }) => IS_COMPUTED.test(text))
  return first === undefined ? undefined : faultOf(first, nameOf)
}
