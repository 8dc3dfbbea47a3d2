#!/usr/bin/env node
// No import statement and old syntax on purpose: an old Node must get far enough to be told what is wrong.
const NODE_MAJOR_MIN = 24

function tell(code, message, hint, exit) {
  const error = { code: code, message: message, hint: hint, retryable: false }
  if (process.argv.indexOf('--json') !== -1) process.stdout.write(`${JSON.stringify({ error: error })}\n`)
  else process.stderr.write(`✖ ${code} ${message}\n  try      ${hint}\n`)
  process.exitCode = exit
}

function refuse() {
  const found = `Node ${String(process.versions.node)}`
  const message = `Tollgate needs Node ${NODE_MAJOR_MIN} or newer (it is tested with 26); this is ${found}.`
  tell(
    'CONFIG_NODE_UNFIT',
    message,
    'a newer Node; a checkout brings one along: npm run -s tollgate -- <command>',
    2,
  )
}

// npm runs a script in the package's folder, but paths are meant from where the user stands.
function standWhereTheUserDoes() {
  const { npm_lifecycle_event: script, INIT_CWD: folder } = process.env
  if (script === 'tollgate' && folder) process.chdir(folder)
}

function explain(cause) {
  if (cause.code !== 'ERR_MODULE_NOT_FOUND') throw cause
  if (/Cannot find package/.test(cause.message)) {
    tell('INTERNAL_ERROR', 'A package that Tollgate depends on is not installed.', 'npm ci', 70)
  } else tell('INTERNAL_ERROR', 'Tollgate is not built.', 'npm run build', 70)
}

function start() {
  standWhereTheUserDoes()
  import('../dist/lib/main.js').catch(explain).catch(function (cause) {
    tell('INTERNAL_ERROR', `A defect in Tollgate: ${cause.stack}`, 'report it', 70)
  })
}

if (parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) refuse()
else start()
