// Rules about the repository itself: who may import whom, and that what is listed in docs is what is there.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { modelReasons } from '../operator/api/conditions.ts'
import { failureRemedies } from '../operator/api/failures.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Layers of the control plane, lowest first; a file imports from its own layer or a lower one. */
const layers: readonly (readonly string[])[] = [
  ['operator/api'],
  ['operator/kube'],
  ['operator/runtime'],
  ['operator/models', 'operator/audit', 'operator/registry', 'operator/scheduler'],
  ['operator/planner'],
  ['operator/controllers', 'operator/hub'],
  ['operator'],
]

/** What the other processes may import of ours, beside themselves. */
const guests: Readonly<Record<string, readonly string[]>> = {
  'agent-image': ['operator/api'],
  forge: ['operator/api', 'operator/kube', 'operator/runtime/clock.ts'],
  cli: [
    'operator/api',
    'operator/kube',
    'operator/runtime/clock.ts',
    'operator/models',
    'operator/planner',
    // `guild try` carries out a request by the operator's own rules and with the agents' own code: docs/decisions.
    'operator/scheduler/readiness.ts',
    'operator/hub/assignment.ts',
    'operator/controllers/agenttask/transitions.ts',
    'operator/controllers/devrequest/tasks.ts',
    'agent-image/agent',
  ],
}

const sources = globSync('{operator,forge,agent-image,cli}/**/*.ts', { cwd: root }).filter(
  (file) => !file.endsWith('.test.ts'),
)

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path]) =>
    normalize(join(dirname(file), path ?? '')),
  )
}

const inside = (file: string, folder: string): boolean =>
  file === folder || file.startsWith(`${folder}/`)
const layerOf = (file: string): number =>
  layers.findIndex((folders) => folders.some((one) => inside(file, one)))

test('the control plane imports downwards only', () => {
  const upwards = sources
    .filter((file) => inside(file, 'operator'))
    .flatMap((file) =>
      importsOf(file)
        // Types and settings of `config.ts` are a leaf that lies beside `main.ts`.
        .filter(
          (target) =>
            !target.endsWith('operator/config.ts') && !target.endsWith('operator/forge-client.ts'),
        )
        .filter((target) => layerOf(target) > layerOf(file))
        .map((target) => `${file} -> ${target}`),
    )
  expect(upwards).toEqual([])
})

test('operator/api and operator/kube import nothing of ours', () => {
  const out = sources
    .filter((file) => inside(file, 'operator/api') || inside(file, 'operator/kube'))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => layerOf(target) !== layerOf(file))
        .map((target) => `${file} -> ${target}`),
    )
  expect(out).toEqual([])
})

test.each(Object.entries(guests))('%s imports only itself and what it may', (folder, allowed) => {
  const out = sources
    .filter((file) => inside(file, folder))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => !inside(target, folder) && !allowed.some((one) => inside(target, one)))
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
  'agent-image/agent/code/node-concerns.ts': 'names what tests may not use, and uses none of it',
  'agent-image/agent/code/node-waiting.ts': 'names the timers of tests, and has none',
  'operator/runtime/clock.ts': 'the clock, timers and chance that everybody else is given',
  'operator/runtime/health.ts': 'measures how late the event loop of the real process is',
  'agent-image/agent/main.ts': 'gives the agent its clock and chance',
  'agent-image/agent/waiting.ts': 'the timers of the agent',
  'agent-image/agent/sandbox-client.ts': 'a number used once that a command must not guess',
  'agent-image/agent/verify/runner.ts': 'a key that a test must not guess',
  'agent-image/sandbox/exec.ts': 'bounds and times a real command',
  'agent-image/sandbox/process-table.ts': 'waits for the kernel to end processes',
  'agent-image/sandbox/server.ts': 'a mark that a command must not guess',
  'cli/commands/list.ts': 'shows ages to a person',
  'cli/commands/logs.ts': 'lines since so long ago, and when a line was heard',
  'cli/commands/tree.ts': 'shows ages to a person',
  'cli/commands/watch.ts': 'redraws a person’s screen',
  'cli/interrupt.ts': 'two interrupts of a person in quick succession',
}

/** Where the operator opens sockets. The simulator has its own in the place of the first three, and no probes. */
const sockets: Readonly<Record<string, string>> = {
  'operator/kube/transport.ts': 'to the API server',
  'operator/models/servers/transport.ts': 'to model servers',
  'operator/hub/server.ts': 'the hub’s port',
  'operator/runtime/health.ts': 'the port of probes and metrics',
}

const isFixture = (file: string): boolean =>
  inside(file, 'agent-image/testing') || file.endsWith('-fixture.ts')

test('time, chance, timers and fetch come in at the edges of the processes only', () => {
  const found = sources.filter((file) => !isFixture(file) && bare.test(read(file)))
  expect(found.toSorted()).toEqual(Object.keys(edges).toSorted())
})

test('the operator opens sockets and starts processes at its edges only', () => {
  // An import of types alone opens nothing.
  const opens =
    /^import (?!type )[^']* from '(?:undici|node:(?:http|https|http2|net|tls|dgram|dns|child_process|worker_threads))'/m
  const found = sources.filter((file) => inside(file, 'operator') && opens.test(read(file)))
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
  const long = globSync('{operator,forge,agent-image,cli,hack,test}/**/*.{ts,mjs,sh}', {
    cwd: root,
  })
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
