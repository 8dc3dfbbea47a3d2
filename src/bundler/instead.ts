/** What a tool writes in the place of a module of Node: every one of them is authority, or is there as a class of the web. */
const INSTEAD: readonly (readonly [hint: string, modules: string])[] = [
  ['Use `fs`, with a mount under permissions.filesystem.', 'fs'],
  [
    'Use `fetch` or `http`, with the domain under permissions.http.allowed_domains.',
    'http https http2 net tls dns dgram undici',
  ],
  ['Use `db`, with the database under permissions.db.', 'sqlite'],
  [
    'Use crypto.subtle.digest and crypto.randomUUID; what needs a key is done by a host tool, under permissions.tools.',
    'crypto',
  ],
  [
    'Let the host do it: a function of the embedder under permissions.tools.',
    'child_process cluster worker_threads vm repl inspector wasi v8 module',
  ],
  ['Take it from the input of the run.', 'process os tty readline'],
  ['Use URL and URLSearchParams.', 'url querystring'],
  ['Use ReadableStream, WritableStream and TransformStream.', 'stream'],
  ['Use Uint8Array, TextEncoder, TextDecoder, atob and btoa.', 'buffer string_decoder'],
  ['Use EventTarget.', 'events'],
  ['Use the global setTimeout and setInterval.', 'timers'],
  ['Use the global performance.', 'perf_hooks'],
  ['Use the global console.', 'console'],
  [
    'Use a package of plain JavaScript, or write it out.',
    'assert async_hooks constants diagnostics_channel domain path punycode sea sys test trace_events util zlib',
  ],
]

const BY_NAME = new Map(INSTEAD.flatMap(([hint, modules]) => modules.split(' ').map((name) => [name, hint])))

/** What to use instead of a module that is Node's own; undefined for any other name. */
export const insteadOf = (specifier: string): string | undefined => {
  const [name = ''] = specifier.replace(/^node:/, '').split('/')
  return BY_NAME.get(name) ?? (specifier.startsWith('node:') ? 'Use what the policy grants.' : undefined)
}
