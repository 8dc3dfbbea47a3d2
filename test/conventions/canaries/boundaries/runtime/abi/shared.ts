// breaks: abi-imports-nothing
import '../kernel/door.ts'
