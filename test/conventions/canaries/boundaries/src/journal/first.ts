// breaks: no-cycles
import './second.ts'
