/** What a cage is while a guest holds its only thread: it neither reads nor ends. */
import { writeSync } from 'node:fs'

const header = Buffer.from('{"t":"ready","v":1,"s":[]}')
const lengths = Buffer.alloc(6)
lengths.writeUInt32LE(2 + header.length, 0)
lengths.writeUInt16LE(header.length, 4)
writeSync(3, Buffer.concat([lengths, header]))
for (;;);
