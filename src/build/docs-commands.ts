import type { Command, Option } from 'commander'
import { createProgram } from '../surfaces/cli/program.ts'
import { openTerminal } from '../surfaces/cli/terminal.ts'
import { table } from './docs-sections.ts'

const leaves = (command: Command): Command[] => {
  const inner = command.commands.filter((one) => one.name() !== 'help').flatMap(leaves)
  const acts =
    command.commands.length === 0 || command.registeredArguments.length > 0 || command.options.length > 0
  return acts ? [command, ...inner] : inner
}

const fullName = (command: Command): string =>
  command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`

const argumentsOf = (command: Command): string =>
  command.registeredArguments.map((one) => (one.required ? ` <${one.name()}>` : ` [${one.name()}]`)).join('')

const optionRows = (command: Command): string[][] =>
  command.options.filter(({ hidden }) => !hidden).map((option) => [`\`${option.flags}\``, meaningOf(option)])

const meaningOf = ({ description, envVar, defaultValue }: Option): string => {
  const isTold = description.includes('default') || defaultValue === undefined || Array.isArray(defaultValue)
  const preset = isTold ? '' : `; default ${String(defaultValue)}`
  return `${description}${preset}${envVar === undefined ? '' : `; also the variable \`${envVar}\``}`
}

const row = (command: Command): string[] => [
  `\`${fullName(command)}${argumentsOf(command)}\``,
  command.description(),
  optionRows(command)
    .map(([flags, meaning]) => `${flags} ${meaning}`)
    .join('<br>'),
]

/** The command reference, from the very program that parses the arguments and prints --help. */
export function commandReference(): string {
  const { program } = createProgram(openTerminal(false))
  const commands = program.commands.flatMap(leaves).map(row)
  return [
    table(['command', 'does', 'options'], commands),
    'Every command also takes:',
    table(['option', 'meaning'], optionRows(program)),
  ].join('\n\n')
}
