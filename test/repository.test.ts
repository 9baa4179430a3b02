// Rules about the repository itself: who may import whom, sizes of files, and lists in docs that
// agree with the code.
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { parse } from '@babel/parser'
import { expect, test } from 'vitest'
import { modelReasons } from '../core/api/conditions.ts'
import { failureRemedies } from '../core/api/failures.ts'
import { slowUnitTests } from '../vitest.config.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const core = [
  'core/base',
  'core/api',
  'core/kube',
  'core/tasks',
  'core/models',
  'core/planner',
  'core/view',
]

/**
 * The rooms that each room may import besides itself. docs/architecture.md draws them. There are no
 * exemptions.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'core/base': [],
  'core/api': ['core/kube'],
  'core/kube': ['core/base'],
  'core/tasks': ['core/base', 'core/api'],
  'core/models': ['core/base', 'core/api'],
  'core/planner': ['core/base', 'core/api', 'core/models'],
  'core/view': ['core/api'],
  'operator/settings': core,
  'operator/audit': core,
  'operator/registry': core,
  'operator/forge': core,
  'operator/presence': core,
  'operator/controllers': [
    ...core,
    'operator/settings',
    'operator/audit',
    'operator/forge',
    'operator/presence',
  ],
  'operator/scheduler': [...core, 'operator/settings', 'operator/presence', 'operator/controllers'],
  'operator/hub': [...core, 'operator/presence', 'operator/controllers'],
  // main.ts and operator.ts, which put the rooms together.
  operator: [...core, 'operator'],
  forge: ['core/base', 'core/api', 'core/kube'],
  'agent-image': ['core/base', 'core/api'],
  // `guild try` carries out a request by the operator's own rules and with the agents' own code:
  // docs/decisions.
  cli: [...core, 'agent-image'],
  rehearsal: ['core/base', 'core/api', 'core/models', 'core/planner'],
  'simulated-kubernetes': ['core/base', 'core/kube'],
}

const sources = globSync(
  '{core,operator,forge,agent-image,cli,rehearsal,simulated-kubernetes}/**/*.ts',
  { cwd: root },
).filter((file) => !file.endsWith('.test.ts'))

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path]) =>
    normalize(join(dirname(file), path ?? '')),
  )
}

const inside = (file: string, folder: string): boolean =>
  file === folder || file.startsWith(`${folder}/`)
/** The room that a file is in: the longest name of the table that it lies below. */
const roomOf = (file: string): string | undefined =>
  Object.keys(rooms)
    .filter((room) => inside(file, room))
    .toSorted((a, b) => b.length - a.length)[0]

test('every file of the product is in a room, and there is no room without files', () => {
  expect(sources.filter((file) => roomOf(file) === undefined)).toEqual([])
  const used = new Set(sources.map(roomOf))
  expect(Object.keys(rooms).filter((room) => !used.has(room))).toEqual([])
})

test.each(Object.entries(rooms))('%s imports only itself and what it may', (room, allowed) => {
  const out = sources
    .filter((file) => roomOf(file) === room)
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => roomOf(target) !== room)
        .filter((target) => !allowed.some((one) => inside(target, one)))
        .map((target) => `${file} -> ${target}`),
    )
  expect(out).toEqual([])
})

// The protocols of agents are in core/api too, and an agent is not a client of Kubernetes.
test('core/api imports from core/kube nothing but the types of an object', () => {
  const lines = sources
    .filter((file) => roomOf(file) === 'core/api')
    .flatMap((file) => read(file).split('\n'))
    .filter((line) => line.includes('/kube/'))
  expect(lines.length).toBeGreaterThan(0)
  const others = lines.filter((line) => !/^import type .* from '..\/kube\/resource.ts'$/.test(line))
  expect(others).toEqual([])
})

/**
 * The lines of docs/architecture.md that draw the rooms with their arrows, from the highest floor
 * down.
 */
const drawn = read('docs/architecture.md')
  .split('\n')
  .filter((line) => / ──> |^core\/base$/.test(line))
  .map((line) => {
    const [room = '', targets = ''] = line.split('──>').map((side) => side.trim())
    const names = targets === '' ? [] : targets.split(', ')
    return { room, targets: names.flatMap((name) => (name === 'core' ? core : [name])) }
  })

test('docs/architecture.md draws every room with the arrows that it may have', () => {
  const arrows = Object.fromEntries(drawn.map(({ room, targets }) => [room, targets.toSorted()]))
  const wanted = Object.entries(rooms).map(([room, allowed]) => [room, allowed.toSorted()] as const)
  expect(arrows).toEqual(Object.fromEntries(wanted))
  expect(drawn.length).toBe(wanted.length)
})

test('no arrow of docs/architecture.md points to a floor above', () => {
  const floor = (name: string): number => drawn.findIndex(({ room }) => room === name)
  const upward = drawn.flatMap(({ room, targets }) =>
    targets
      .filter((target) => target !== room && floor(target) <= floor(room))
      .map((target) => `${room} ──> ${target}`),
  )
  expect(upward).toEqual([])
})

test('what docs/architecture.md names behind a file is exported there', () => {
  const named = [...read('docs/architecture.md').matchAll(/`([\w./-]+\.ts)` \(`(\w+)`\)/g)]
  expect(named.length).toBeGreaterThan(4)
  const missing = named
    .filter(([, file = '', name = '']) => {
      const exported = new RegExp(
        String.raw`^export (?:async )?(?:function|const|class) ${name}\b`,
        'm',
      )
      return !exported.test(read(file))
    })
    .map(([, file, name]) => `${file}: ${name}`)
  expect(missing).toEqual([])
})

test('nobody but tests and tools imports from the operator', () => {
  const out = sources
    .filter((file) => !inside(file, 'operator'))
    .flatMap((file) => importsOf(file).filter((target) => inside(target, 'operator')))
  expect(out).toEqual([])
})

test('nothing that is shipped imports tests or tools', () => {
  const out = sources
    .filter((file) => !inside(file, 'simulated-kubernetes'))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => inside(target, 'test') || inside(target, 'hack'))
        .map((target) => `${file} -> ${target}`),
    )
  expect(out).toEqual([])
})

test('every dependency has its line in docs/dependencies.md, and no line is left over', () => {
  const manifest = JSON.parse(read('package.json')) as {
    readonly dependencies: Record<string, string>
    readonly devDependencies: Record<string, string>
  }
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).toSorted()
  const listed = read('docs/dependencies.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
    )
  expect(listed.toSorted()).toEqual(names)
})

/**
 * Reads the time, sets a timer, throws dice or calls `fetch` without having been given the means
 * to.
 */
const bare = new RegExp(
  [
    String.raw`\bDate\.now\b`,
    String.raw`\bnew Date\(\)`,
    String.raw`\bperformance\.(?:now|timeOrigin)\b`,
    String.raw`\bhrtime\b`,
    String.raw`\bset(?:Timeout|Interval|Immediate)\b`,
    String.raw`\bAbortSignal\.timeout\b`,
    String.raw`'(?:node:)?timers(?:/promises)?'`,
    String.raw`\bmonitorEventLoopDelay\b`,
    String.raw`\bMath\.random\b`,
    String.raw`\brandom(?:UUID|Bytes|Int|FillSync)\b`,
    String.raw`\bgetRandomValues\b`,
    // Not the declaration of a method of this name, with which a line begins.
    String.raw`(?<!^\s*)(?<![\w.#])fetch\(`,
  ].join('|'),
  'm',
)

/**
 * The edges of the processes, where the real clock, timers and chance come in; each with its
 * reason.
 */
const edges: Readonly<Record<string, string>> = {
  'agent-image/agent/code/javascript/concerns.ts':
    'names what tests may not use, and uses none of it',
  'agent-image/agent/code/javascript/late-assertions.ts': 'names the timers of tests, and has none',
  'core/base/clock.ts': 'the clock, timers and chance that everybody else is given',
  'core/kube/runtime/health.ts': 'measures how late the event loop of the real process is',
  'agent-image/agent/main.ts': 'gives the agent its clock and chance',
  'agent-image/agent/timers.ts': 'the timers of the agent',
  'agent-image/agent/sandbox-client.ts': 'a number used once that a command must not guess',
  'agent-image/agent/verify/runner.ts': 'a key that a test must not guess',
  'agent-image/sandbox/exec.ts': 'bounds and times a real command',
  'agent-image/sandbox/processes.ts': 'waits for the kernel to end processes',
  'agent-image/sandbox/server.ts': 'a mark that a command must not guess',
  'cli/commands/logs.ts': 'lines since so long ago, and when a line was heard',
  'cli/commands/read.ts': 'shows ages to a person',
  'cli/commands/watch.ts': 'redraws a person’s screen',
  'cli/failure.ts': 'two interrupts of a person in quick succession',
}

/**
 * Where the operator opens sockets. The simulator replaces the first three by its own, and has no
 * probes.
 */
const sockets: Readonly<Record<string, string>> = {
  'core/kube/transport.ts': 'to the API server',
  'core/kube/proxy.ts': 'compares addresses, and opens none',
  'core/kube/exec-plugin.ts': 'the plug-in of a kubeconfig, on people’s machines only',
  'core/models/servers/transport.ts': 'to model servers',
  'operator/hub/hub-server.ts': 'the hub’s port',
  'core/kube/runtime/health.ts': 'the port of probes and metrics',
}

test('time, chance, timers and fetch come in at the edges of the processes only', () => {
  // The rehearsal model is a server of its own: it speaks as slowly as a model does, by the real
  // clock.
  const found = sources.filter((file) => !inside(file, 'rehearsal') && bare.test(read(file)))
  expect(found.toSorted()).toEqual(Object.keys(edges).toSorted())
})

test('the operator opens sockets and starts processes at its edges only', () => {
  // An import of types alone opens nothing.
  const opens =
    /^import (?!type )[^']* from '(?:undici|node:(?:http|https|http2|net|tls|dgram|dns|child_process|worker_threads))'/m
  const found = sources.filter(
    (file) => (inside(file, 'operator') || inside(file, 'core')) && opens.test(read(file)),
  )
  expect(found.toSorted()).toEqual(Object.keys(sockets).toSorted())
})

test.each([
  ['const at = Date.now()', true],
  ['const now = Date.now', true],
  ['new Date().toISOString()', true],
  ['new Date(clock.now()).toISOString()', false],
  ["import { setTimeout as sleep } from 'node:timers/promises'", true],
  ['AbortSignal.timeout(5)', true],
  ['AbortSignal.any([signal])', false],
  ['const answer = await fetch(url)', true],
  ['  void fetch(url)', true],
  ['  fetch(profile: ModelProfile): void', false],
  ['await this.#fetch(url)', false],
  ['servers.fetch(profile)', false],
  ['performance.now()', true],
  ['clearTimeout(timer)', false],
])('%s reaches around what it was given: %j', (line, want) => {
  expect(bare.test(line)).toBe(want)
})

/**
 * Of how many lines a source file is at most, and at least. Comments count; fixtures and generated
 * files do not.
 */
const mostLines = 600
const leastLines = 30

/**
 * Files of fewer lines that are neither types alone nor an entry point (`main.ts`); each with why
 * it stands alone.
 */
const small: Readonly<Record<string, string>> = {
  'agent-image/agent/timers.ts': 'the edge where the agent sets timers of its own',
  'hack/images/open-engine.ts': 'chooses between two engines, which both import their interface',
  'core/base/file-problem.ts': 'words that the kubeconfig and the command line share',
  'core/base/logger.ts': 'the log that every program is given, apart from its time and chance',
  'hack/ci/ready.ts': 'an entry point: the first step of .ci/run',
  'hack/cluster/paths.ts': 'two directories that every tool of hack asks for',
  'hack/images/repository.ts':
    'the root and version of the checkout, which every tool of hack asks for',
  'hack/verify.ts': 'an entry point: npm run verify',
  'test/lab/paths.ts': 'the API paths that the lab, the bench and the faults share',
  'test/support/silent-logger.ts': 'one double, which tests of every room use',
}

const written = globSync(
  '{core,operator,forge,agent-image,cli,rehearsal,simulated-kubernetes,hack,test}/**/*.{ts,mjs,sh}',
  { cwd: root, exclude: (name) => name === 'node_modules' || name === 'fixtures' },
)
const linesOf = (file: string): number => read(file).trimEnd().split('\n').length

test(`no source file or test is over ${mostLines} lines; split it by meaning`, () => {
  const long = written.filter((file) => linesOf(file) > mostLines)
  expect(long.map((file) => `${file}: ${linesOf(file)} lines`)).toEqual([])
})

test(`no source file is under ${leastLines} lines without a reason; merge it with the file it is read with`, () => {
  const short = written.filter(
    (file) =>
      file.endsWith('.ts') &&
      !/\.(?:test|d)\.ts$/.test(file) &&
      linesOf(file) < leastLines &&
      basename(file) !== 'main.ts' &&
      !isTypesAlone(file),
  )
  const offenders = short.filter((file) => small[file] === undefined)
  expect(offenders.map((file) => `${file}: ${linesOf(file)} lines`)).toEqual([])
  expect(
    Object.entries(small)
      .filter(([file, reason]) => !reason.startsWith('TODO') && !short.includes(file))
      .map(([file]) => file),
    'reasons of files that are gone, or no longer small',
  ).toEqual([])
})

/** Whether a file declares nothing that is there when the program runs. */
function isTypesAlone(file: string): boolean {
  const { body } = parse(read(file), { sourceType: 'module', plugins: ['typescript'] }).program
  return body.every((statement) => {
    const declared = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    return (
      declared?.type === 'TSInterfaceDeclaration' ||
      declared?.type === 'TSTypeAliasDeclaration' ||
      (declared?.type === 'ImportDeclaration' && declared.importKind === 'type')
    )
  })
}

test('every reason a task can fail for is in docs/troubleshooting.md, with its remedy', () => {
  const rows = read('docs/troubleshooting.md')
  for (const [reason, remedy] of Object.entries(failureRemedies))
    expect(rows).toContain(`| \`${reason}\` | ${remedy} |`)
})

test('every reason for which a model is not ready is in docs/models.md', () => {
  const rows = read('docs/models.md')
  for (const reason of Object.keys(modelReasons))
    if (reason !== modelReasons.Ready) expect(rows).toContain(`| \`${reason}\` |`)
})

test('every slow test that `npm test -- --fast` leaves out is there', () => {
  const alternatives = (pattern: string): readonly string[] => {
    const [, head = '', list = '', tail = ''] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? []
    return list === '' ? [pattern] : list.split(',').map((one) => `${head}${one}${tail}`)
  }
  const gone = slowUnitTests
    .flatMap(alternatives)
    .filter((pattern) => globSync(pattern, { cwd: root }).length === 0)
  expect(gone).toEqual([])
})
