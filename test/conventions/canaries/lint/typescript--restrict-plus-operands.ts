// breaks: typescript/restrict-plus-operands
export const text = (name: string, flag: boolean): string => name + flag
