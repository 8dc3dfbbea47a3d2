import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findInRivals, programFile, withinMs, type Opened, type Rival, type Setting } from './rival.ts'

const START_MS_MAX = 10_000

/** Its npm package brings the program along in a package for each platform; the launcher in `workerd` passes no pipe on. */
const PLATFORMS = ['linux-64', 'linux-arm64', 'darwin-arm64', 'darwin-64'] as const

const findProgram = (): string => {
  const failures: string[] = []
  for (const platform of PLATFORMS) {
    try {
      return findInRivals(`@cloudflare/workerd-${platform}/bin/workerd`)
    } catch (error) {
      failures.push(String(error))
    }
  }
  throw new Error(failures[0] ?? 'there is no package of workerd for this platform')
}

const readText = async (message: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const part of message.setEncoding('utf8')) text += String(part)
  return text
}

/** The guest's only way out: requests that its worker makes arrive here. */
const serveCalls = async (call: Setting['call']): Promise<Server> => {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const value = await call(JSON.parse(await readText(incoming)))
      outgoing.end(JSON.stringify(value ?? null))
    })()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return server
}

const configuration = (hostPort: number, router: string): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "router", worker = (
      modules = [(name = "router.js", esModule = ${JSON.stringify(router)})],
      compatibilityDate = "2026-01-01",
      bindings = [
        (name = "LOADER", workerLoader = (id = "runs")),
        (name = "HOST", service = "host"),
      ],
    )),
    (name = "host", external = (address = "127.0.0.1:${hostPort}", http = ())),
  ],
  sockets = [(name = "door", address = "127.0.0.1:0", http = (), service = "router")],
);`

type Listening = { readonly event: string; readonly port: number }

const start = async (
  hostPort: number,
  folder: string,
): Promise<{ readonly port: number; readonly kill: () => void; readonly exited: Promise<never> }> => {
  const file = join(folder, 'config.capnp')
  writeFileSync(file, configuration(hostPort, readFileSync(programFile('workerd-router.mjs'), 'utf8')))
  const child = spawn(findProgram(), ['serve', '--experimental', '--control-fd=3', file], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: {},
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000)
  })
  const exited = new Promise<never>((_, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      reject(new Error(`workerd ended with ${signal ?? code} ${said}`.trim())),
    )
  })
  exited.catch(() => undefined)
  const control = child.stdio[3] as unknown as NodeJS.ReadableStream
  const listening = new Promise<Listening>((resolve) => {
    let text = ''
    control.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8')
      const [line] = text.split('\n')
      if (text.includes('\n')) resolve(JSON.parse(line ?? '') as Listening)
    })
  })
  const { port } = await withinMs(Promise.race([listening, exited]), START_MS_MAX, () =>
    child.kill('SIGKILL'),
  )
  return { port, kill: () => child.kill('SIGKILL'), exited }
}

const open = async ({ deadlineMs, call }: Setting): Promise<Opened> => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-workerd-'))
  const server = await serveCalls(call)
  const { port, kill, exited } = await start((server.address() as AddressInfo).port, folder)
  const agent = new Agent({ keepAlive: true })
  const post = (body: string): Promise<IncomingMessage> => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request({ host: '127.0.0.1', port, method: 'POST', agent }, resolve).on('error', reject).end(body)
    return promise
  }
  const runOnce = async (guest: object): Promise<unknown> => {
    const answered = await post(JSON.stringify(guest))
    const text = await readText(answered)
    if (answered.statusCode !== 200) throw new Error(text.slice(0, 200))
    return JSON.parse(text)
  }
  return {
    run: ({ source, input }) =>
      withinMs(Promise.race([runOnce({ source, input }), exited]), deadlineMs, () => undefined),
    close: () => {
      kill()
      agent.destroy()
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

/** Its worker loader gives each run an isolate of its own; the process is shared. */
export const workerd: Rival = {
  name: 'workerd (worker loader)',
  npm: 'workerd',
  isolation: 'V8 isolate in one shared process',
  scalesBy: 'opening twice',
  open,
}
