/** Hosts of package registries, and folders of the machine where the work was done: neither is part of the project. */
const leaks = [
  /registry\.(npmjs|yarnpkg)/i,
  /\b(npmmirror|taobao|jsdelivr|unpkg)\.com/i,
  /(?<![\w.~/-])\/(root|work|Users)\/[\w.-]/,
  /(?<![\w.~/-])\/home\/(?!user\b|guest\b)[\w.-]/,
]

/** One problem for each line that names a registry's host or a path of somebody's machine. */
export const leakedPlaces = (path: string, text: string): string[] =>
  text
    .split('\n')
    .flatMap((line, at) =>
      leaks.some((leak) => leak.test(line)) ? [`${path}:${at + 1}: ${line.trim().slice(0, 120)}`] : [],
    )
