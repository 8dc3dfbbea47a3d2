/** The lines of a text that arrives in pieces. */
export const linesOf = (bytes: NonNullable<Response['body']>): ReadableStream<string> => {
  let rest = ''
  const split = new TransformStream<string, string>({
    transform(piece, controller) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) controller.enqueue(line)
    },
    flush() {
      if (rest !== '') throw new Error('the last line has no end')
    },
  })
  return bytes.pipeThrough(new TextDecoderStream()).pipeThrough(split)
}
