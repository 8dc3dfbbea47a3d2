// breaks: nobody-imports-a-surface
import '../surfaces/cli/main.ts'
