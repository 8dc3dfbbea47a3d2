import type { Command } from 'commander'
import { inspectPolicy, type UpkeepFinding } from '../../admin.ts'
import { TollgateError } from '../../index.ts'
import {
  assertBounds,
  checkPolicy,
  explainPolicy,
  loadPolicyFile,
  policyJsonSchema,
  type PolicyCheck,
  type PolicyProblem,
  type PolicySetting,
} from '../../policy.ts'
import { acting, withExample, type Invocation } from './command.ts'
import { EXIT_DONE, EXIT_USAGE } from './exit-code.ts'
import { loadTools } from './load-tools.ts'
import { checkLines, explanationLines } from './print-policy.ts'

const TOOLS_OPTION = [
  '--tools <module>',
  'ES module that exports the host tools the policy may grant',
] as const

type CheckOptions = { strict?: boolean; tools?: string; schema?: boolean; connect?: boolean }
type ExplainOptions = { tools?: string; max: string[] }

/** `tollgate check` and `tollgate explain`. */
export const addPolicyCommands = (program: Command, invocation: Invocation): void => {
  addCheck(program, invocation)
  addExplain(program, invocation)
}

const addCheck = (program: Command, invocation: Invocation): void => {
  const command = program
    .command('check')
    .description(
      'tell everything that is wrong with a policy, and warn of what may be, like missing secrets; exit code 2 when something is wrong',
    )
    .argument('[file]', 'policy, YAML or JSON')
    .option('--strict', 'count warnings as problems')
    .option(...TOOLS_OPTION)
    .option(
      '--connect',
      'look at the databases and folders too: whether they are there and fit, and where a role on a server can do more than the policy says',
    )
    .option('--schema', 'print the JSON Schema of policies instead, for editors')
    .action(
      acting(invocation, (file: string | undefined, options: CheckOptions) =>
        check(file, options, invocation),
      ),
    )
  withExample(
    command,
    'tollgate check policy.yaml --strict --tools tools.ts',
    'tollgate check --schema > policy.schema.json',
  )
}

const addExplain = (program: Command, invocation: Invocation): void => {
  const command = program
    .command('explain')
    .description('say in plain words what a policy grants, and what it can amount to at most')
    .argument('<file>', 'policy, YAML or JSON')
    .option(...TOOLS_OPTION)
    .option(
      '--max <bound>',
      'fail with exit code 2 unless the worst case keeps KEY=NUMBER, like max_cost_usd=1 or task.max_egress_kb=512; may be repeated',
      (bound: string, bounds: string[]) => [...bounds, bound],
      [] as string[],
    )
    .action(acting(invocation, (file: string, options: ExplainOptions) => explain(file, options, invocation)))
  withExample(
    command,
    'tollgate explain policy.yaml',
    'tollgate explain policy.yaml --max max_cost_usd=1 --max max_tool_calls=50 --max max_egress_kb=64',
  )
}

const settingOf = async (module: string | undefined): Promise<PolicySetting> =>
  module === undefined ? {} : { tools: await loadTools(module) }

const check = async (
  file: string | undefined,
  { strict = false, tools, schema = false, connect = false }: CheckOptions,
  { terminal }: Invocation,
): Promise<number> => {
  if (schema) {
    terminal.printJson(policyJsonSchema())
    return EXIT_DONE
  }
  if (file === undefined) {
    throw new TollgateError('CONFIG_USAGE', 'Name the file of a policy.', { hint: 'tollgate check --help' })
  }
  const setting = await settingOf(tools)
  const checked = await checkPolicy({ path: file }, { ...setting, strict, env: process.env })
  const found = connect && checked.ok ? await withFindings(checked, file, setting, strict) : checked
  if (terminal.json) terminal.printJson({ file, ...found })
  else terminal.print(checkLines(file, found, terminal.out))
  return found.ok ? EXIT_DONE : EXIT_USAGE
}

/** What a look at databases and folders adds: what runs refuse is a problem, the rest a warning. */
const withFindings = async (
  checked: PolicyCheck,
  file: string,
  setting: PolicySetting,
  strict: boolean,
): Promise<PolicyCheck> => {
  const findings = await inspectPolicy(await loadPolicyFile(file, setting), process.env)
  const asProblem = ({ code, path, message }: UpkeepFinding): PolicyProblem => ({ code, path, message })
  const problems = findings.filter(({ isTolerated }) => strict || !isTolerated).map(asProblem)
  const warnings = findings
    .filter(({ isTolerated }) => isTolerated)
    .map(({ path, message }) => ({ path, message }))
  return {
    ...checked,
    ok: problems.length === 0,
    problems: [...checked.problems, ...problems],
    warnings: [...checked.warnings, ...warnings],
  }
}

const explain = async (
  file: string,
  { tools, max }: ExplainOptions,
  { terminal }: Invocation,
): Promise<number> => {
  const policy = await loadPolicyFile(file, await settingOf(tools))
  assertBounds(policy, max)
  const explanation = explainPolicy(policy)
  if (terminal.json) terminal.printJson(explanation)
  else terminal.print(explanationLines(explanation, terminal.out))
  return EXIT_DONE
}
