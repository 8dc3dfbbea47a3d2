// breaks: pure-folders-touch-no-node
import 'node:crypto'
