#!/usr/bin/env node
// No import statement and old syntax on purpose: an old Node must get far enough to be told what is wrong.
const NODE_MAJOR_MIN = 24

function refuse() {
  const found = `Node ${String(process.versions.node)}`
  const message = `Tollgate needs Node ${NODE_MAJOR_MIN} or newer (it is tested with 26); this is ${found}.`
  const hint = 'Start it with a newer Node. A checkout brings one along: npm run -s tollgate -- <command>'
  const error = { code: 'CONFIG_NODE_UNFIT', message: message, hint: hint, retryable: false }
  if (process.argv.indexOf('--json') !== -1) process.stdout.write(`${JSON.stringify({ error: error })}\n`)
  else process.stderr.write(`CONFIG_NODE_UNFIT: ${message}\n${hint}\n`)
  process.exitCode = 2
}

function start() {
  import('../dist/src/surfaces/cli/main.js').catch(function (cause) {
    const isUnbuilt = cause.code === 'ERR_MODULE_NOT_FOUND' && /dist/.test(cause.message)
    process.stderr.write(
      isUnbuilt ? 'INTERNAL_ERROR: Tollgate is not built; run npm run build.\n' : `${cause.stack}\n`,
    )
    process.exitCode = 70
  })
}

if (parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) refuse()
else start()
