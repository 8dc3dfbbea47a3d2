/** Deno, one process for each run: one JSON message a line, both ways. */
import { createGuest } from './guest.mjs'
import { readLines, writeLine } from './deno-lines.mjs'

const receive = createGuest(writeLine)
await readLines((message) => receive(message))
