// breaks: runtime-stays-inside
import '../../src/errors/error.ts'
