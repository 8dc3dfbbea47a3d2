// breaks: esbuild-in-the-bundler
// breaks: ships-no-dev-dependency
import 'esbuild'
