/**
 * A host that commits files in a process of its own: `node committing-host.ts STATE FOLDER FROM TO WAY`. Each of the runs FROM to TO
 * writes its number into every file of the folder, makes one file and one folder and removes those of the run before. Prints
 * `committing` when its first commit begins and `over` at its end. WAY `dies:N` ends it at the N-th change of the folder that a commit
 * makes; `staged` when all is staged and nothing is committed; `forgets`: the redo log forgets what it was told.
 */
import { createFilePowers, type FilePowers } from '../../src/run/file-powers.ts'
import { openGateOf, withSetting } from './gates.ts'

const [state = '', source = '', from = '0', to = '0', ...ways] = process.argv.slice(2)
const die = (): void => void process.kill(process.pid, 'SIGKILL')
const fatal = Number(ways.find((way) => way.startsWith('dies:'))?.slice('dies:'.length) ?? Infinity)

let changes = 0
const counted = <Name extends keyof FilePowers>(real: FilePowers, name: Name): FilePowers[Name] => {
  const method = real[name] as (...args: unknown[]) => unknown
  return ((...args: unknown[]) => {
    if (changes === 0) console.log('committing')
    if (changes === fatal) die()
    changes += 1
    return method(...args)
  }) as FilePowers[Name]
}
const real = createFilePowers()
const CHANGING = [
  'makeFolder',
  'createFile',
  'write',
  'move',
  'link',
  'unlink',
  'removeFolder',
  'sync',
] as const
const filesystem = { ...real, ...Object.fromEntries(CHANGING.map((name) => [name, counted(real, name)])) }

const forgetful = withSetting(({ powers, store }) => ({
  powers: {
    ...powers,
    filesystem: { ...powers.filesystem, commits: { ...store.fileCommits, unfinished: () => [] } },
  },
}))

const code = `
  for (const name of ['a', 'b', 'c', 'd']) await fs.write('/m/' + name, input + '\\n'.repeat(2000) + input)
  await fs.mkdir('/m/f' + input)
  await fs.write('/m/f' + input + '/n' + input, input)
  const [last] = (await fs.glob('/m/f*/n*')).filter((path) => !path.endsWith('/n' + input))
  if (last !== undefined) {
    await fs.remove(last)
    await fs.remove(last.slice(0, last.lastIndexOf('/')))
  }`

await using gate = await openGateOf(
  { state, powers: { filesystem }, approve: () => (die(), true) },
  ways.includes('forgets') ? forgetful : undefined,
)
const mount = {
  path: '/m',
  source,
  mode: 'overlay',
  allow: ['**'],
  ask: ways.includes('staged') ? 'always' : 'never',
}
for (let n = Number(from); n < Number(to); n += 1) {
  const { error } = await gate.run({
    code,
    policy: { permissions: { filesystem: [mount] } },
    input: String(n),
  })
  if (error !== undefined) console.log(error.code, error.cause)
}
console.log('over')
