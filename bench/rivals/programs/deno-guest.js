/** Deno, one process for each run: one JSON message a line, both ways. */
import { createGuest } from './guest.js'
import { readLines, writeLine } from './deno-lines.js'

const receive = createGuest(writeLine)
await readLines((message) => receive(message))
