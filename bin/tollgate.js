#!/usr/bin/env node
// Old syntax on purpose: an old Node must get far enough to be told what is wrong.
var NODE_MAJOR_MIN = 24

function refuse() {
  var message =
    'Tollgate needs Node ' + NODE_MAJOR_MIN + ' or newer (it is tested with 26); this is Node ' + process.versions.node + '.'
  var remedy = 'Start it with a newer Node. From a checkout, `npm run -s tollgate -- <command>` uses the one it brings along.'
  var error = { code: 'CONFIG_NODE_UNFIT', message: message, hint: remedy, retryable: false }
  if (process.argv.indexOf('--json') !== -1) process.stdout.write(JSON.stringify({ error: error }) + '\n')
  else process.stderr.write('CONFIG_NODE_UNFIT: ' + message + '\n' + remedy + '\n')
  process.exitCode = 2
}

if (parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) refuse()
else import('../dist/src/surfaces/cli/main.js')
