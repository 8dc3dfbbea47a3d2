import type { IncomingMessage, ServerResponse } from 'node:http'
import { drive, type Driving, type Setting } from './driving.ts'
import { startHttp } from './servers.ts'

/** A request as the server saw it. */
export type Seen = {
  method: string
  url: string
  host: string
  headers: IncomingMessage['headers']
  body: string
}

/** A server for every name: `/to?s=302&l=…` redirects there; everything else says what it saw. */
export async function startRedirecting(): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = []
  const answer = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    const { method = '', url = '', headers } = request
    seen.push({ method, url, host: headers.host ?? '', headers, body })
    const { searchParams, pathname } = new URL(url, 'http://x')
    if (pathname === '/to')
      response
        .writeHead(Number(searchParams.get('s')), { location: searchParams.get('l') ?? '' })
        .end('moved')
    else response.end(`${method} ${pathname}`)
  }
  const { port } = await startHttp((request, response) => {
    let body = ''
    request
      .on('data', (chunk: Buffer) => (body += chunk.toString()))
      .on('end', () => answer(request, response, body))
  })
  return { port, seen }
}

/** The URL on a.test that redirects. */
export const to = (port: number, status: number, location: string): string =>
  `http://a.test:${port}/to?s=${status}&l=${encodeURIComponent(location)}`
const all = ['GET', 'HEAD', 'POST', 'PUT']
/** Entries for some hosts of the server, with headers that the guest may set. */
export const entries = (port: number, ...hosts: string[]): object[] =>
  hosts.map((host) => ({
    domain: `http://${host}:${port}`,
    methods: all,
    headers: ['x-mine', 'authorization', 'cookie', 'x-api-key'],
  }))
/** A driver that may reach a.test and b.test. */
export const openHops = (port: number, rest: object = {}, setting: Partial<Setting> = {}): Driving =>
  drive({ document: { allowed_domains: entries(port, 'a.test', 'b.test'), ...rest }, ...setting })
