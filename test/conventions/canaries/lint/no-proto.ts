// breaks: no-proto
export const parent = (value: { __proto__: object }): object => value.__proto__
