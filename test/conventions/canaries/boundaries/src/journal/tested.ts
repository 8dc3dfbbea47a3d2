// breaks: ships-no-test-code
import '../../test/fixture.ts'
