// breaks: no-cycles
import './first.ts'
