const encoder = new TextEncoder()

/** Writes one message to standard output, whole. */
export const writeLine = (message) => {
  const bytes = encoder.encode(`${JSON.stringify(message)}\n`)
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at))
}

/** Hands over each message of standard input, until its end. */
export const readLines = async (receive) => {
  let rest = ''
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) receive(JSON.parse(line))
  }
}
