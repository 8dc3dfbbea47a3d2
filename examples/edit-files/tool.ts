type Files = {
  readText(path: string): Promise<string>
  write(path: string, text: string): Promise<void>
  glob(pattern: string): Promise<string[]>
}

/** Turns every `TODO` of the notes into a list of its own, and ticks them off in the notes. */
export default async (_: null, { fs }: { fs: Files }): Promise<number> => {
  const open: string[] = []
  for (const path of await fs.glob('/notes/*.md')) {
    const text = await fs.readText(path)
    const lines = text.split('\n').filter((line) => line.startsWith('TODO '))
    if (lines.length === 0) continue
    open.push(...lines.map((line) => line.slice('TODO '.length)))
    await fs.write(path, text.replaceAll(/^TODO /gm, 'LISTED '))
  }
  await fs.write('/notes/todo.md', open.map((line) => `- ${line}\n`).join(''))
  return open.length
}
