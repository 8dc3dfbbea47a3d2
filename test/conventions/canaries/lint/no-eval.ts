// breaks: no-eval
export const two = eval('1 + 1')
