/** The process that bundles as it would be if every file were in reach. For negative controls. */
import { relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { bundleTool } from '../../src/bundler/child/bundle.ts'
import { Reach } from '../../src/bundler/child/reach.ts'
import { encodeAnswer, type BundleQuestion } from '../../src/bundler/wire.ts'

class OpenReach extends Reach {
  override nameOf(path: string): string {
    return relative('/', path)
  }
}

const question = JSON.parse(await text(process.stdin)) as BundleQuestion
process.stdout.write(encodeAnswer(await bundleTool(question, (folder) => new OpenReach(folder))))
