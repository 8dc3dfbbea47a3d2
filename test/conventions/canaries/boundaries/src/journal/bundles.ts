// breaks: ships-no-dev-dependency
import 'esbuild'
