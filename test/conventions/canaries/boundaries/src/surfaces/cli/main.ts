// breaks: surfaces-use-public-entries
import '../../run/run.ts'
