// breaks: vitest/no-disabled-tests
import { it } from 'vitest'
it.skip('does not run', () => {})
