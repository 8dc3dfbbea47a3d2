// breaks: capabilities-open-nothing
// breaks: powers-in-run-only
import 'node:fs'
