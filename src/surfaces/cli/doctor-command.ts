import type { Command } from 'commander'
import { TollgateError } from '../../index.ts'
import { diagnose, type AttackOutcome, type Diagnosis, type TierReport } from '../../admin.ts'
import { acting, withExample, type Invocation } from './command.ts'
import { attack, type AttackChoices } from './doctor-attack.ts'
import { EXIT_DONE } from './exit-code.ts'
import { printable } from './printable.ts'
import type { Style } from './style.ts'

/** What each tier is, for people. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  T1: "child process, resource limits, Node's permission model",
  T2: 'T1 in user, pid, network, ipc and mount namespaces',
  T3: 'bubblewrap and a seccomp filter: no network, no files, no programs, uid 65534',
  T4: 'T3, while this machine is itself gVisor or a microVM',
}

type DoctorOptions = AttackChoices & { readonly attack?: boolean }

/** `tollgate doctor`. */
export const addDoctorCommand = (program: Command, invocation: Invocation): void => {
  const doctor = program
    .command('doctor')
    .description('show how cages are confined on this machine, and attack each tier from inside')
    .option('--attack', 'run the hostile cases against this build; exit code 70 when one gets through')
    .option('--tier <tier>', 'attack this tier, or `all` that can be had; default: the best')
    .option('--only <cases>', 'attack with these cases or groups only: H12,H14 or B')
    .action(
      acting(invocation, async ({ attack: isAttack = false, ...choices }: DoctorOptions) => {
        if (isAttack) return await attack(choices, invocation)
        if (Object.keys(choices).length > 0)
          throw new TollgateError('CONFIG_USAGE', '--tier and --only belong to --attack.', {
            hint: 'tollgate doctor --attack',
          })
        const diagnosis = await diagnose()
        const { terminal } = invocation
        if (terminal.json) terminal.printJson(diagnosis)
        else terminal.print(diagnosisLines(diagnosis, terminal.out))
        return EXIT_DONE
      }),
    )
  withExample(doctor, 'tollgate doctor --json', 'tollgate doctor --attack --tier all')
}

const diagnosisLines = ({ platform, node, tier, tiers }: Diagnosis, style: Style): string[] => [
  `${platform}, Node ${node}`,
  tier === undefined
    ? style.paint(['bold', 'red'], 'no cage can be started here')
    : `cages run in ${style.paint(['bold', 'green'], tier)}, the strongest tier that can be had`,
  ...tiers.flatMap((report) => tierLines(report, style)),
]

const tierLines = ({ state, attacks }: TierReport, style: Style): string[] => {
  const head = `${style.paint('bold', state.tier)}  ${DESCRIPTIONS[state.tier] ?? ''}`
  if (!state.available)
    return [
      '',
      head,
      `  ${style.paint('yellow', 'not available')}: ${printable(state.why)}`,
      `  ${style.paint('dim', 'remedy')} ${printable(state.remedy)}`,
    ]
  const through = attacks.filter(({ held }) => !held)
  const facts = state.facts.map((fact) => `  ${printable(fact)}`)
  return ['', head, ...facts, `  ${verdict(attacks, style)}`, ...through.map((one) => attackLine(one, style))]
}

const verdict = (attacks: readonly AttackOutcome[], style: Style): string => {
  const held = attacks.filter((one) => one.held).length
  const text = `${held} of ${attacks.length} attacks by a program that took the process over were held by the box alone`
  return style.paint(held === attacks.length ? 'green' : 'yellow', text)
}

const attackLine = ({ name, detail }: AttackOutcome, style: Style): string =>
  `    ${style.paint('red', '✖')} ${printable(name)} ${style.paint('dim', printable(detail))}`
