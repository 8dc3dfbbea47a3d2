// breaks: cage-imports-little
import '../policy/logs.ts'
