// breaks: no-unresolvable
import './gone.ts'
