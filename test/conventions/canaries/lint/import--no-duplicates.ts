// breaks: import/no-duplicates
import { readFileSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
export const both = [readFileSync, writeFileSync]
