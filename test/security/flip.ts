/** A program that swaps a name with a link, given as its two arguments, as often as it can. */
export const FLIP = `
  const { renameSync } = require('node:fs')
  const [, name, link] = process.argv
  process.send?.('ready')
  setInterval(() => {
    for (let i = 0; i < 200; i += 1) {
      try {
        renameSync(name, name + '.away'); renameSync(link, name)
        renameSync(name, link); renameSync(name + '.away', name)
      } catch {}
    }
  }, 0)`
