import type { Command } from 'commander'
import { applyUpkeep, planUpkeep, type UpkeepPlan } from '../../admin.ts'
import { TollgateError } from '../../index.ts'
import { loadPolicyFile } from '../../policy.ts'
import { acting, withExample, type Invocation } from './command.ts'
import { EXIT_DONE } from './exit-code.ts'
import { printable } from './printable.ts'

type SetupOptions = { policy: string; database?: string; apply?: boolean; url?: string }

/** `tollgate db setup-role`. */
export const addDbCommand = (program: Command, invocation: Invocation): void => {
  const db = program.command('db').description('make databases on servers ready for a policy')
  const setup = db
    .command('setup-role')
    .description('print the SQL that a policy needs on PostgreSQL, or run it with --apply')
    .requiredOption('--policy <file>', 'policy, YAML or JSON')
    .option('--database <name>', 'only this entry of permissions.db')
    .option('--apply', 'run it, in one transaction for each database')
    .option('--url <url>', 'as whom to run it: env:NAME, or postgres://owner:password@host/database')
    .action(acting(invocation, (options: SetupOptions) => setUp(options, invocation)))
  withExample(db, 'tollgate db setup-role --policy policy.yaml')
  withExample(
    setup,
    'tollgate db setup-role --policy policy.yaml > role.sql',
    'tollgate db setup-role --policy policy.yaml --database crm --apply --url env:CRM_OWNER_URL',
  )
}

const setUp = async (
  { policy: file, database, apply = false, url }: SetupOptions,
  { terminal }: Invocation,
): Promise<number> => {
  if (apply !== (url !== undefined))
    throw new TollgateError('CONFIG_USAGE', '--apply and --url belong together.', {
      hint: 'tollgate db setup-role --help',
    })
  const plans = await planUpkeep(await loadPolicyFile(file), 'db', database)
  if (url !== undefined) await applyAll(plans, urlOf(url))
  if (terminal.json) terminal.printJson({ file, applied: apply, plans })
  else if (apply)
    terminal.print(plans.map(({ part }) => `${printable(part)}: role, views and grants are set up`))
  else terminal.print(plans.flatMap(scriptLines))
  return EXIT_DONE
}

const applyAll = async (plans: readonly UpkeepPlan[], url: string): Promise<void> => {
  const [only, more] = plans
  if (only === undefined || more !== undefined)
    throw new TollgateError('CONFIG_USAGE', 'One url is of one database; name it with --database.')
  await applyUpkeep(only, 'db', url)
}

/** A url on a command line can be seen by others of the machine; a variable cannot. */
const urlOf = (given: string): string => {
  if (!given.startsWith('env:')) return given
  const value = process.env[given.slice('env:'.length)]
  if (value === undefined || value === '')
    throw new TollgateError(
      'CONFIG_USAGE',
      `The environment variable ${given.slice('env:'.length)} is not set.`,
    )
  return value
}

const scriptLines = ({ part, rule, statements }: UpkeepPlan): string[] => [
  `-- ${printable(rule)}: run as owner of the database and of its tables; then give the role a password.`,
  `-- database: ${printable(part)}`,
  'BEGIN;',
  ...statements.map((statement) => `${statement};`),
  'COMMIT;',
]
