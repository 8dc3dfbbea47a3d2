// breaks: capabilities-open-nothing
import 'node:net'
