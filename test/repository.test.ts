// Rules about the repository itself: who may import whom, and that what is listed in docs is what is there.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { modelReasons } from '../core/api/conditions.ts'
import { failureRemedies } from '../core/api/failures.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const core = ['core/base', 'core/api', 'core/kube', 'core/tasks', 'core/models', 'core/planner']

/** What each room may import besides itself; the picture of it is in docs/architecture.md. There are no exemptions. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'core/base': [],
  'core/api': [],
  'core/kube': ['core/base'],
  'core/tasks': ['core/base', 'core/api'],
  'core/models': ['core/base', 'core/api'],
  'core/planner': ['core/base', 'core/api', 'core/models'],
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
  // `guild try` carries out a request by the operator's own rules and with the agents' own code: docs/decisions.
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

/** Reads the time, sets a timer, throws dice or calls out, without having been given the means to. */
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

/** The edges of the processes, where the real ones come in; each with why. */
const edges: Readonly<Record<string, string>> = {
  'agent-image/agent/code/javascript/concerns.ts':
    'names what tests may not use, and uses none of it',
  'agent-image/agent/code/javascript/waiting.ts': 'names the timers of tests, and has none',
  'core/base/clock.ts': 'the clock, timers and chance that everybody else is given',
  'core/kube/runtime/health.ts': 'measures how late the event loop of the real process is',
  'agent-image/agent/main.ts': 'gives the agent its clock and chance',
  'agent-image/agent/waiting.ts': 'the timers of the agent',
  'agent-image/agent/sandbox-client.ts': 'a number used once that a command must not guess',
  'agent-image/agent/verify/runner.ts': 'a key that a test must not guess',
  'agent-image/sandbox/exec.ts': 'bounds and times a real command',
  'agent-image/sandbox/processes.ts': 'waits for the kernel to end processes',
  'agent-image/sandbox/server.ts': 'a mark that a command must not guess',
  'cli/commands/list.ts': 'shows ages to a person',
  'cli/commands/logs.ts': 'lines since so long ago, and when a line was heard',
  'cli/commands/tree.ts': 'shows ages to a person',
  'cli/commands/watch.ts': 'redraws a person’s screen',
  'cli/interrupt.ts': 'two interrupts of a person in quick succession',
}

/** Where the operator opens sockets. The simulator has its own in the place of the first three, and no probes. */
const sockets: Readonly<Record<string, string>> = {
  'core/kube/transport.ts': 'to the API server',
  'core/models/servers/transport.ts': 'to model servers',
  'operator/hub/hub-server.ts': 'the hub’s port',
  'core/kube/runtime/health.ts': 'the port of probes and metrics',
}

test('time, chance, timers and fetch come in at the edges of the processes only', () => {
  // The rehearsal model is a server of its own: it speaks as slowly as a model does, by the real clock.
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

test('no file is over 400 lines', () => {
  const long = globSync(
    '{core,operator,forge,agent-image,cli,rehearsal,simulated-kubernetes,hack,test}/**/*.{ts,mjs,sh}',
    {
      cwd: root,
    },
  )
    .filter((file) => !file.startsWith('test/fixtures'))
    .filter((file) => read(file).split('\n').length > 401)
  expect(long).toEqual([])
})

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
