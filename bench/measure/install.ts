/** Installs the rivals, from their own lock file, into `bench/rivals/node_modules`. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', 'rivals')
const INSTALL_MS_MAX = 10 * 60_000

export const areRivalsInstalled = (): boolean =>
  existsSync(join(folder, 'node_modules', '.package-lock.json'))

/** The npm that runs this script, or the one on the path. */
const npm = (): readonly [string, ...string[]] => {
  const script = process.env['npm_execpath']
  return script?.endsWith('.js') === true ? [process.execPath, script] : ['npm']
}

/** Resolves to what went wrong, or undefined. No script of a package is run: their programs come inside the packages. */
export const installRivals = (): Promise<string | undefined> => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const [program, ...args] = npm()
  const child = spawn(program, [...args, 'ci', '--ignore-scripts', '--no-workspaces'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: INSTALL_MS_MAX,
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-1_000)
  })
  child.on('error', (error) => resolve(String(error)))
  child.on('exit', (code) => resolve(code === 0 ? undefined : said.trim() || `npm ended with ${code}`))
  return promise
}
