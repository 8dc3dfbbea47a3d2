// breaks: children-stay-outside
import './child/main.ts'
