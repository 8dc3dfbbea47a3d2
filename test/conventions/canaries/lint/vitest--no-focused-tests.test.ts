// breaks: vitest/no-focused-tests
import { it } from 'vitest'
it.only('is the one test that runs', () => {})
