import { join } from 'node:path'

/**
 * Who may import whom (DESIGN.md, section 4). Paths are relative to the folder that is cruised, so that the canaries of
 * test/conventions can be judged by these same rules.
 */

const CORE_IO =
  '^(node:)?(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|process|readline|repl|sqlite|tls|tty|vm|wasi|worker_threads|zlib)(/|$)'
const OPENS_THE_WORLD =
  '^(node:)?(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|repl|sqlite|vm|wasi|worker_threads)(/|$)'
const PURE = '^src/(policy|budget|labels|canonical)/'
const JUDGING = '^src/capabilities/[^/]+/(ops|grant)\\.ts$'

const WEB_LIBRARIES =
  'node_modules/(core-js|@exodus/bytes|web-streams-polyfill|event-target-shim|@ungap/structured-clone)/'

const forbid = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to })
const npm = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown']

const guest = [
  forbid(
    'abi-imports-nothing',
    'Both sides share runtime/abi, so it depends on neither.',
    { path: '^runtime/abi/' },
    { pathNot: '^runtime/abi/' },
  ),
  forbid(
    'runtime-stays-inside',
    'Guest code has ES built-ins only: import from runtime/ or not at all.',
    { path: '^runtime/' },
    { pathNot: `^runtime/|${WEB_LIBRARIES}` },
  ),
  forbid(
    'web-libraries-in-web',
    'Only the web classes are made of libraries; the kernel has none.',
    { path: '^runtime/', pathNot: '^runtime/web/' },
    { path: WEB_LIBRARIES },
  ),
  forbid(
    'src-takes-only-abi',
    'Host code may know of the guest only what both sides agree on.',
    { path: '^src/' },
    { path: '^runtime/', pathNot: '^runtime/abi/' },
  ),
]

const pure = [
  forbid(
    'pure-folders-touch-no-node',
    'policy, budget and labels decide; they are handed what they need.',
    { path: PURE },
    { dependencyTypes: ['core'] },
  ),
  forbid(
    'pure-folders-reach-no-node',
    'Not by a detour either.',
    { path: PURE },
    { path: CORE_IO, reachable: true },
  ),
  forbid(
    'pure-folders-use-no-io-library',
    'Only libraries that compute: zod, yaml.',
    { path: PURE },
    { dependencyTypes: npm, pathNot: 'node_modules/(zod|yaml|fastest-levenshtein)/' },
  ),
  forbid(
    'pure-folders-know-contracts-only',
    'They may use each other, errors and the interface of capabilities.',
    { path: PURE },
    { path: '^src/', pathNot: `${PURE}|^src/errors/|^src/capabilities/capability\\.ts$` },
  ),
  forbid(
    'grants-are-pure',
    'A grant judges without I/O: what it needs of the world belongs into the driver.',
    { path: JUDGING },
    { path: CORE_IO, reachable: true },
  ),
]

const capabilities = [
  forbid(
    'capabilities-stand-alone',
    'A capability never imports another.',
    { path: '^src/capabilities/([^/]+)/' },
    { path: '^src/capabilities/[^/]+/', pathNot: '^src/capabilities/$1/' },
  ),
  forbid(
    'capabilities-know-no-host',
    'A capability knows its contract, not who calls it.',
    { path: '^src/capabilities/[^/]+/' },
    {
      path: '^src/',
      pathNot:
        '^src/(errors|budget|labels|canonical)/|^src/capabilities/((capability|caveats|host-tool|price)\\.ts$|[^/]+/)',
    },
  ),
  forbid(
    'capabilities-open-nothing',
    'Authority is passed: sockets, files and processes come as powers.',
    // What runs in a process of its own opens what that process is for; the host never loads it.
    { path: '^src/capabilities/', pathNot: '^src/capabilities/[^/]+/child/' },
    { path: OPENS_THE_WORLD, dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
  ),
  forbid(
    'children-stay-outside',
    'What runs in the process of a capability, or of the bundler, is started by the host, never loaded.',
    { path: '^src/', pathNot: '^src/(capabilities/[^/]+|bundler)/child/' },
    { path: '^src/(capabilities/[^/]+|bundler)/child/' },
  ),
  forbid(
    'undici-in-the-http-driver',
    'One place speaks HTTP to the world.',
    { path: '^src/', pathNot: '^src/capabilities/http/' },
    { path: 'node_modules/undici/' },
  ),
]

const broker = [
  forbid(
    'broker-knows-no-capability',
    'The gate treats every capability alike.',
    { path: '^src/broker/' },
    { path: '^src/capabilities/[^/]+/|^src/capabilities/registry' },
  ),
  forbid(
    'broker-does-no-io',
    'The broker decides; drivers and stores act.',
    { path: '^src/(broker|approval|journal|audit)/' },
    { path: CORE_IO, dependencyTypes: ['core'] },
  ),
  forbid(
    'broker-uses-no-io-library',
    'The broker decides; drivers and stores act.',
    { path: '^src/broker/' },
    { dependencyTypes: npm, pathNot: 'node_modules/zod/' },
  ),
  forbid(
    'broker-knows-no-composition',
    'It is put together by src/run, so it cannot know src/run, a cage or a surface.',
    { path: '^src/broker/' },
    { path: '^src/(run|cage|surfaces|build)/|^src/[^/]+\\.ts$' },
  ),
]

const cage = [
  forbid(
    'cage-imports-little',
    'The cage is taken for hostile: abi, errors and isolated-vm are all it needs.',
    { path: '^src/cage/' },
    { path: '^src/', pathNot: '^src/(cage|errors)/' },
  ),
  forbid(
    'cage-uses-isolated-vm-only',
    'Every further library is attack surface.',
    { path: '^src/cage/' },
    { dependencyTypes: npm, pathNot: 'node_modules/isolated-vm/' },
  ),
  forbid(
    'cage-io-in-its-entries',
    'Only the launcher (host side) and what starts in the cage (its entry, watchdog and self-attack) touch Node.',
    {
      path: '^src/cage/',
      pathNot: '^src/cage/(descriptors|launch|main|parts|probe|watchdog|self-attack[a-z-]*)\\.ts$',
    },
    { path: CORE_IO, dependencyTypes: ['core'] },
  ),
  forbid(
    'isolated-vm-in-the-cage',
    'An isolate in the host process would have the host in reach.',
    { path: '^src/', pathNot: '^src/cage/' },
    { path: 'node_modules/isolated-vm/' },
  ),
  forbid(
    'inside-knows-no-launcher',
    'What runs in the cage is not what starts it.',
    { path: '^src/cage/(main|isolate|loop|slot|outbox|guard|watchdog|self-attack[a-z-]*)\\.ts$' },
    { path: '^src/cage/(launch|parts|boxes|probe)\\.ts$' },
  ),
  forbid(
    'host-knows-the-launcher',
    'The host starts cages; it never loads what runs in them.',
    { path: '^src/', pathNot: '^src/(cage|build)/' },
    { path: '^src/cage/', pathNot: '^src/cage/(descriptors|launch|parts|probe|tiers)\\.ts$' },
  ),
]

const composition = [
  forbid(
    'powers-in-run-only',
    'Only src/run turns Node modules into powers; the rest is handed them.',
    {
      path: '^src/',
      // The attack brings instruments of its own; its cases are handed them.
      pathNot:
        '^src/(run|stores/[^/]+|cage|surfaces|build|(capabilities/[^/]+|bundler)/child)/|^src/(policy|admin)\\.ts$|^src/attack/(arena|loopback-site|machine-noise|planted-world|watched-cages)\\.ts$',
    },
    { path: OPENS_THE_WORLD, dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
  ),
  forbid(
    'esbuild-in-the-bundler',
    'It reads and computes what a tool chooses: in a process of its own, and in the build.',
    { path: '^src/', pathNot: '^src/(bundler/child|build)/' },
    { path: 'node_modules/esbuild/' },
  ),
  forbid(
    'stores-behind-ports',
    'Only src/run chooses a store; the rest knows the ports.',
    { path: '^src/', pathNot: '^src/(run|stores)/' },
    { path: '^src/stores/', pathNot: '^src/stores/ports' },
  ),
  forbid(
    'run-is-the-top',
    'Nothing below the composition root knows it; its contracts are type-only.',
    { path: '^src/(broker|budget|approval|journal|audit|labels|stores|policy|capabilities|cage|errors)/' },
    { path: '^src/run/', dependencyTypesNot: ['type-only'] },
  ),
  forbid(
    'attack-uses-the-front-door',
    'What is attacked is what a user gets: the attack may start cages and name errors, the rest it knows by the public entry.',
    { path: '^src/attack/' },
    {
      path: '^src/',
      pathNot:
        '^src/(attack|errors)/|^src/index\\.ts$|^src/cage/(launch|probe|tiers)\\.ts$|^src/run/diagnose\\.ts$',
    },
  ),
  forbid(
    'nobody-knows-the-attack',
    'It is loaded when somebody asks for it; the public entry passes it on.',
    { path: '^src/', pathNot: '^src/attack/|^src/admin\\.ts$' },
    { path: '^src/attack/' },
  ),
  forbid(
    'errors-are-the-bottom',
    'Everybody throws them, so they know nobody.',
    { path: '^src/errors/' },
    { path: '^src/', pathNot: '^src/errors/' },
  ),
]

const surfaces = [
  forbid(
    'surfaces-use-public-entries',
    'What the CLI can do, an embedder can do.',
    { path: '^src/surfaces/([^/]+)/' },
    { path: '^(src|runtime)/', pathNot: '^src/surfaces/$1/|^src/(index|policy|admin)\\.ts$' },
  ),
  forbid(
    'nobody-imports-a-surface',
    'A surface is a face, not a library; only the build reads one, to write its reference.',
    { path: '^(src|runtime)/', pathNot: '^src/(surfaces|build)/' },
    { path: '^src/surfaces/' },
  ),
  forbid(
    'examples-use-the-package',
    'Examples show what a user can write.',
    { path: '^examples/' },
    { path: '^(src|runtime|test|dist)/' },
  ),
]

const hygiene = [
  forbid('no-cycles', 'Modules that need each other are one module.', {}, { circular: true }),
  forbid(
    'no-orphans',
    'A module that nothing uses is dead.',
    {
      orphan: true,
      pathNot:
        '^src/(index|policy|admin)\\.ts$|^src/build/|^src/(capabilities/[^/]+|bundler)/child/main\\.ts$|^src/surfaces/[^/]+/main\\.ts$|^examples/|\\.d\\.ts$',
    },
    {},
  ),
  forbid('no-unresolvable', 'A module that cannot be found.', {}, { couldNotResolve: true }),
  forbid(
    'ships-no-dev-dependency',
    'A user does not have it.',
    // What runtime/web takes in, the bundle carries inside itself.
    { path: '^(src|runtime)/', pathNot: '^src/build/|^runtime/web/' },
    { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
  ),
  forbid(
    'declares-what-it-uses',
    'A library that package.json does not name is there by luck.',
    { path: '^(src|runtime)/' },
    { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  ),
  forbid(
    'ships-no-test-code',
    'A user does not have it.',
    { path: '^(src|runtime|examples)/' },
    { path: '^(test|bench)/' },
  ),
]

export default {
  forbidden: [
    ...guest,
    ...pure,
    ...capabilities,
    ...broker,
    ...cage,
    ...composition,
    ...surfaces,
    ...hygiene,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: join(import.meta.dirname, 'tsconfig.base.json') },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
}
