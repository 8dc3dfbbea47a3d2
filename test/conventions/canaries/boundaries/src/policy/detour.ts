// breaks: pure-folders-reach-no-node
import '../capabilities/capability.ts'
