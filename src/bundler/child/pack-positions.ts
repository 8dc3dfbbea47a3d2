import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping'
import { ENTRY_SIZE, NO_SOURCE } from '../positions.ts'
import type { BundleParts } from '../wire.ts'

/** Reads a source map into the flat table of positions. Of packages only the lines are kept: their columns help nobody. */
export function packPositions(
  map: string,
  nameOf: (path: string) => string | undefined,
): Pick<BundleParts, 'sources' | 'positions'> {
  const trace = new TraceMap(map)
  const sources = trace.sources.map((name) => nameOf(name ?? '') ?? '')
  const isPackage = sources.map((name) => /^(\.\.\/)*node_modules\//.test(name))
  const lines = decodedMappings(trace)
  const entries = lines.reduce((sum, segments) => sum + segments.length, 0)
  const positions = new Uint32Array(entries * ENTRY_SIZE)
  let size = 0
  let [last, lastLine] = [NO_SOURCE, 0]
  for (const [line, segments] of lines.entries()) {
    last = NO_SOURCE
    for (const [column, source = NO_SOURCE, sourceLine = 0, sourceColumn = 0] of segments) {
      if (source === last && sourceLine === lastLine && isPackage[source] === true) continue
      ;[last, lastLine] = [source, sourceLine]
      positions.set([line, column, source, sourceLine, sourceColumn], size)
      size += ENTRY_SIZE
    }
  }
  return { sources, positions: positions.slice(0, size) }
}
