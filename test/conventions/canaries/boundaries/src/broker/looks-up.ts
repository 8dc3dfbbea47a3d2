// breaks: run-is-the-top
import '../run/run.ts'
