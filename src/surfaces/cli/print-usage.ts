import type { Usage } from '../../index.ts'
import type { Style } from './style.ts'
import { formatBytes, formatMs, formatUsd } from './units.ts'

const BAR_CELLS = 20

/** A bar of 20 cells; anything above nothing fills at least one. */
export const bar = (fraction: number, style: Style): string => {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0))
  const filled = bounded === 0 ? 0 : Math.max(1, Math.floor(bounded * BAR_CELLS))
  const format = bounded >= 0.9 ? 'red' : bounded >= 0.6 ? 'yellow' : 'green'
  return style.paint(format, '█'.repeat(filled)) + style.paint('dim', '░'.repeat(BAR_CELLS - filled))
}

const meterLine = (
  name: string,
  used: number,
  limit: number,
  show: (value: number) => string,
  style: Style,
): string => {
  const fraction = limit > 0 ? used / limit : 0
  const percent = `${Math.round(fraction * 100)}%`.padStart(4)
  return `  ${name.padEnd(8)}${bar(fraction, style)} ${percent}  ${show(used)} of ${show(limit)}`
}

/** What a run used, against the limits that held. */
export const usageLines = (usage: Usage, style: Style): string[] => {
  const { limits } = usage
  return [
    meterLine('calls', usage.calls, limits.calls, String, style),
    meterLine('time', usage.wallMs, limits.wallMs, formatMs, style),
    meterLine('cpu', usage.cpuMs, limits.cpuMs, formatMs, style),
    meterLine('memory', usage.memoryPeakBytes, limits.memoryBytes, formatBytes, style),
    meterLine('cost', usage.costUsd, limits.costUsd, formatUsd, style),
    `  traffic ${formatBytes(usage.ingressBytes)} in, ${formatBytes(usage.egressBytes)} out`,
  ]
}
