// breaks: examples-use-the-package
import '../src/run/run.ts'
