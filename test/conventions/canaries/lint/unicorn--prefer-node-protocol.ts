// breaks: unicorn/prefer-node-protocol
import { readFileSync } from 'fs'
export const text = readFileSync('x', 'utf8')
