/** The process that bundles one tool: a question on standard input, an answer on standard output, and it ends. */
import { text } from 'node:stream/consumers'
import { encodeAnswer, type BundleQuestion } from '../wire.ts'
import { bundleTool } from './bundle.ts'

const question = JSON.parse(await text(process.stdin)) as BundleQuestion
process.stdout.write(encodeAnswer(await bundleTool(question)))
