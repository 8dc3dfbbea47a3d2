// breaks: pure-folders-know-contracts-only
import '../capabilities/registry.ts'
