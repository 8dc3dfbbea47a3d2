// breaks: typescript/no-namespace
export namespace Limits {
  export const calls = 20
}
