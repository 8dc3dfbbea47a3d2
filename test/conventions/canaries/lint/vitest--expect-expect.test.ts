// breaks: vitest/expect-expect
import { it } from 'vitest'
it('claims something and looks at nothing', () => {})
