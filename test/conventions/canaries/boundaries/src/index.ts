// breaks: src-takes-only-abi
import '../runtime/kernel/door.ts'
