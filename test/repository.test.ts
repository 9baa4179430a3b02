// Rules about the repository itself: who may import whom, code that nothing uses, sizes of files, and lists in docs that
// agree with the code.
import { globSync, lstatSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, join } from 'node:path'
import { parse } from '@babel/parser'
import { expect, test } from 'vitest'
import { modelReasons } from '../core/api/conditions.ts'
import { failureRemedies } from '../core/api/failures.ts'
import { slowUnitTests } from '../vitest.config.ts'
import {
  code,
  type Facts,
  factsOf,
  factsOfText,
  files,
  inside,
  isCode,
  isOurs,
  isTest,
  type Load,
  read,
  root,
} from './support/sources.ts'

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

/** Folders of code that are no rooms: they may import everything, and no program imports them. */
const tools = ['hack', 'test']
/** Folders of the root that hold no code. */
const codeless = ['.ci', 'crds', 'docs', 'examples', 'helm']

const tops = new Set(Object.keys(rooms).map((room) => room.replace(/\/.*/, '')))
const isProduct = (file: string): boolean => tops.has(file.replace(/\/.*/, ''))
/** The code of the programs, without tests. */
const sources = code.filter((file) => isProduct(file) && !isTest(file))

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

test('code is in the rooms, in the tools and nowhere else', () => {
  const isPlaced = (file: string): boolean =>
    isProduct(file) || [...tools, ...codeless].some((folder) => inside(file, folder))
  const stray = files.filter((file) => file.includes('/') && !isPlaced(file))
  const misplaced = code.filter(
    (file) => !isProduct(file) && !tools.some((one) => inside(file, one)),
  )
  expect(stray).toEqual([])
  expect(misplaced).toEqual(['vitest.config.ts'])
})

/** Programs that a room starts by their path although it may not import them, each with its reason. */
const started: Readonly<Record<string, string>> = {
  'cli/try/container.ts -> hack/images/main.ts':
    'which image belongs to the sources is known by the tool that builds it',
}

/** Files that load by other means than `import` of a written name, each with its reason. */
const loaders: Readonly<Record<string, string>> = {
  'agent-image/agent/code/syntax-sql.ts': 'Node prints a warning whenever SQLite is loaded',
  'agent-image/sandbox/programs/node-child.mjs':
    'loads the tests of a project, and what they ask for',
  'agent-image/sandbox/programs/node-hooks.mjs': 'keeps modules of Node from the code of a project',
}

const manifest = JSON.parse(read('package.json')) as {
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}
const packages = { ...manifest.dependencies, ...manifest.devDependencies }

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** What is wrong with one load of a file. Tests beside their code may import everything, as those in `test` may. */
function wrongWith(file: string, load: Load): string | undefined {
  const { how, specifier, target } = load
  const isProgram = isProduct(file) && !isTest(file)
  if (how === 'require' || specifier === undefined)
    return !isProgram || file in loaders ? undefined : 'loads what is not written after an import'
  if (target === undefined) {
    if (/^node:./.test(specifier) && isBuiltin(specifier)) return undefined
    return packageOf(specifier) in packages
      ? undefined
      : 'is no relative path, no module of Node with node: and no package of package.json'
  }
  if (how !== 'path' && !files.includes(target)) return 'names no file'
  if (!isProgram) return undefined
  const room = roomOf(file)
  const isAllowed =
    roomOf(target) === room ||
    (rooms[room ?? ''] ?? []).some((one) => inside(target, one)) ||
    `${file} -> ${target}` in started
  return isAllowed && !isTest(target) ? undefined : `is outside of what ${room} may import`
}

const wrongIn = (file: string, { loads }: Facts): readonly string[] =>
  loads.flatMap((load) => {
    const wrong = wrongWith(file, load)
    return wrong === undefined ? [] : [`${file}:${load.line} ${load.specifier ?? ''} ${wrong}`]
  })

test.each(Object.keys(rooms))('%s imports only itself and what it may', (room) => {
  const own = sources.filter((file) => roomOf(file) === room)
  expect(own.flatMap((file) => wrongIn(file, factsOf(file)))).toEqual([])
})

test('tools and tests import by relative paths, modules of Node and packages only', () => {
  const others = code.filter((file) => !sources.includes(file))
  expect(others.flatMap((file) => wrongIn(file, factsOf(file)))).toEqual([])
})

test('no reason for an import is left over', () => {
  const loads = sources.flatMap((file) => factsOf(file).loads.map((load) => ({ file, ...load })))
  const named = new Set(loads.map(({ file, target }) => `${file} -> ${target}`))
  const others = loads.filter(({ how, specifier }) => how === 'require' || specifier === undefined)
  expect(Object.keys(started).filter((one) => !named.has(one))).toEqual([])
  expect([...new Set(others.map(({ file }) => file))].toSorted()).toEqual(Object.keys(loaders))
})

test.each([
  ["import { Hub } from '../../operator/hub/hub.ts'", true],
  ["import type { Hub } from '../../operator/hub/hub.ts'", true],
  ["import '../../operator/hub/hub.ts'", true],
  ['import { Hub } from "../../operator/hub/hub.ts"', true],
  ["import {\n  Hub,\n} from\n  '../../operator/hub/hub.ts'", true],
  ["export * as hub from '../../operator/hub/hub.ts'", true],
  ["export type { Hub } from '../../operator/hub/hub.ts'", true],
  ["type Q = import('../../operator/hub/hub.ts').Hub", true],
  ["type Q = typeof import('../../operator/hub/hub.ts')", true],
  ["const q = () => import('../../operator/hub/hub.ts')", true],
  ['const q = () => import(`../../operator/hub/hub.ts`)', true],
  ["const where = '../../operator/hub/hub.ts'", true],
  ['const q = (name) => import(`../../operator/${name}.ts`)', true],
  ["const q = (name) => import(name, { with: { type: 'json' } })", true],
  ["import { createRequire } from 'node:module'\ncreateRequire(import.meta.url)('../x')", true],
  ["import * as m from 'node:module'\nm.createRequire(import.meta.url)('undici')", true],
  ["import hub = require('../../operator/hub/hub.ts')", true],
  ["const hub = require('./assignment.ts')", true],
  ["require.resolve('undici')", true],
  ["import.meta.resolve('../../operator/hub/hub.ts')", true],
  ["process.getBuiltinModule('node:net')", true],
  ["new Worker(new URL('../../operator/hub/hub.ts', import.meta.url))", true],
  ["fork('operator/main.ts')", true],
  ['fork(`${root}/operator/main.ts`)', true],
  ["readFileSync(join(root, 'agent-image/sandbox/sandbox-init.py'))", true],
  ["import { Hub } from '#operator/hub/hub.ts'", true],
  ["import { Hub } from 'guildhall/operator/hub/hub.ts'", true],
  ["import { Hub } from '@op/hub/hub.ts'", true],
  ["import { Hub } from '/work/operator/hub/hub.ts'", true],
  ["import { Hub } from 'file:///work/operator/hub/hub.ts'", true],
  ["import { Hub } from './assignment.js'", true],
  ["import { Hub } from './nowhere.ts'", true],
  ["import { Hub } from './assignment.ts?again'", true],
  ["import './transitions.test.ts'", true],
  ["import { join } from 'path'", true],
  ["import { join } from 'node:path'", false],
  ["import { z } from 'zod'\nimport { y } from 'zod/v4'", false],
  ["import { Hub } from './assignment.ts'", false],
  ["const { wait } = await import('../base/wait.ts')", false],
  ["const said = 'see operator/hub/hub.ts, or docs'", false],
])('core/tasks may not write %s: %j', (text, want) => {
  const file = 'core/tasks/new.ts'
  expect(wrongIn(file, factsOfText(file, text)).length > 0).toBe(want)
})

test('no setting gives a file a second name', () => {
  const manifests = files.filter((file) =>
    /(?:^|\/)(?:package|[jt]sconfig[\w.-]*)\.json$/.test(file),
  )
  expect(manifests.filter(isOurs)).toEqual(['package.json', 'tsconfig.build.json', 'tsconfig.json'])
  const aliases =
    /"(?:imports|exports|workspaces|overrides|paths|baseUrl|rootDirs?|customConditions)": *[[{"](?!\.")/
  for (const file of manifests.filter(isOurs)) expect(read(file), file).not.toMatch(aliases)
  for (const version of Object.values(packages)) expect(version).toMatch(/^\^?\d+\.\d+\.\d+$/)
  const configured = ['vitest.config.ts', 'hack/images/bundle.ts']
  for (const file of configured) expect(factsOf(file).words, file).not.toContain('alias')
  const links = files.filter((file) => lstatSync(join(root, file)).isSymbolicLink())
  expect(links).toEqual(['helm/guildhall/files/crds'])
})

// The protocols of agents are in core/api too, and an agent is not a client of Kubernetes.
test('core/api imports from core/kube nothing but the types of an object', () => {
  const loads = sources
    .filter((file) => roomOf(file) === 'core/api')
    .flatMap((file) => factsOf(file).loads.map((load) => ({ file, ...load })))
    .filter(({ target = '' }) => inside(target, 'core/kube'))
  expect(loads.length).toBeGreaterThan(0)
  const others = loads.filter(
    ({ how, target }) => how !== 'type' || target !== 'core/kube/resource.ts',
  )
  expect(others.map(({ file, line, target }) => `${file}:${line} ${target}`)).toEqual([])
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

/** Programs that package.json does not name, each with who starts it. */
const programs: Readonly<Record<string, string>> = {
  'operator/main.ts': 'the image of the operator',
  'forge/main.ts': 'the image of the operator',
  'agent-image/sandbox/programs/node-runner.mjs': 'the agent has the sandbox run it, by its name',
  'agent-image/sandbox/programs/python_runner.py': 'the agent has the sandbox run it, by its name',
  'agent-image/sandbox/programs/python_child.py': 'python_runner.py starts it, by its path',
  'test/bench/floor/main.ts': 'the bench starts it, by its path from test/bench',
  'test/bench/observer/main.ts': 'the bench starts it, by its path from test/bench',
  'vitest.config.ts': 'vitest reads it',
}

/** Files that no program loads, each with what it is there for. */
const unreached: Readonly<Record<string, string>> = {
  'agent-image/agent/code/css-tree.d.ts':
    'types that a package lacks, which the compiler finds by itself',
  'hack/gen/pod-security.ts': 'what a cluster would refuse, for the tests of the chart',
}

const programFiles = files.filter((file) => isOurs(file) && (isCode(file) || file.endsWith('.py')))

/** The files that a file loads; a Python program loads those beside it by their bare names. */
function loadedBy(file: string): readonly string[] {
  if (!file.endsWith('.py'))
    return factsOf(file).loads.flatMap(({ target }) => (target === undefined ? [] : [target]))
  const lines = read(file).matchAll(/^\s*(?:from (\w+) import|import ([\w, ]+))/gm)
  return [...lines]
    .flatMap(([, one, several = '']) => (one === undefined ? several.split(/ as \w+|, */) : [one]))
    .map((name) => join(file, '..', `${name}.py`))
}

function reachedFrom(roots: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>()
  const ahead = [...roots]
  for (let file = ahead.pop(); file !== undefined; file = ahead.pop()) {
    if (reached.has(file) || !programFiles.includes(file)) continue
    reached.add(file)
    ahead.push(...loadedBy(file))
  }
  return reached
}

test('every file is loaded by a program, and what only tests load is in test', () => {
  const scripts = Object.values(manifest.scripts).flatMap(
    (line) => line.match(/\S+\.(?:m?ts|mjs)/g) ?? [],
  )
  const roots = [...scripts, ...Object.keys(programs)]
  expect(roots.filter((file) => !files.includes(file))).toEqual([])
  // The list of slow tests in the settings of vitest is none of files that a program loads.
  const byPrograms = reachedFrom(roots.filter((file) => !isTest(file)))
  const byTests = reachedFrom([...roots, ...code.filter(isTest)])
  const isForTests = (file: string): boolean =>
    inside(file, 'test') || inside(file, 'simulated-kubernetes')
  const idle = programFiles.filter(
    (file) => !isTest(file) && !(isForTests(file) ? byTests : byPrograms).has(file),
  )
  expect(idle.toSorted()).toEqual(Object.keys(unreached).toSorted())
})

/** Names that are exported for others than our own code: who takes them. */
const takenElsewhere: Readonly<Record<string, string>> = {
  'agent-image/agent/code/css-tree.d.ts default': 'types of a package',
  'agent-image/agent/code/css-tree.d.ts tokenize': 'types of a package',
  'agent-image/agent/code/css-tree.d.ts tokenNames': 'types of a package',
  'hack/gen/chart-render.ts setup': 'vitest, as the set-up of a lane',
  'test/cluster/global-setup.ts setup': 'vitest, as the set-up of a lane',
  'vitest.config.ts default': 'vitest',
}

/** The exported names that no other file takes. A file that only gives a name on does not count as one that takes it. */
function unused(of: readonly string[], facts: (file: string) => Facts): readonly string[] {
  const taken = new Set(
    of.flatMap((file) =>
      facts(file).loads.flatMap(({ how, target, names }) =>
        target === undefined || how === 'path' || target === file
          ? []
          : (names === 'all' ? ['*'] : names).map((name) => `${target} ${name}`),
      ),
    ),
  )
  return of.flatMap((file) =>
    taken.has(`${file} *`)
      ? []
      : facts(file)
          .exports.map(({ name }) => `${file} ${name}`)
          .filter((name) => !taken.has(name)),
  )
}

test('every exported name is imported by another file', () => {
  expect(unused(code, factsOf).toSorted()).toEqual(Object.keys(takenElsewhere).toSorted())
})

test('every name at the top of a Python program is used', () => {
  const texts = files.filter((file) => file.endsWith('.py') && isOurs(file)).map(read)
  const words = Map.groupBy(
    texts.flatMap((text) => text.match(/\w+/g) ?? []),
    (word) => word,
  )
  const names = texts.flatMap((text) => [
    ...text.matchAll(/^(?:(?:async )?def|class) (\w+)|^(\w+) = /gm),
  ])
  const idle = names
    .map(([, one, other]) => one ?? other ?? '')
    .filter((name) => words.get(name)?.length === 1)
  expect(names.length).toBeGreaterThan(50)
  expect(idle).toEqual([])
})

test.each([
  ['export const a = 1', '', ['a.ts a']],
  ['export function a(): void {}', "import { b } from './a.ts'", ['a.ts a']],
  ['export interface A {}\nexport type B = A', "import type { B } from './a.ts'", ['a.ts A']],
  ['const a = 1\nexport { a as b }', "import { a } from './a.ts'", ['a.ts b']],
  ['export const { a, b: [c] } = x', "import { a } from './a.ts'", ['a.ts c']],
  ['export class A {}\nexport enum B {}', "export { A } from './a.ts'", ['a.ts B', 'b.ts A']],
  ['export class A {}', "type Q = import('./a.ts').A", []],
  ['export const a = 1', "import * as all from './a.ts'", []],
  ['export const a = 1\nexport const b = 1', "const { a } = await import('./a.ts')", ['a.ts b']],
  ['export const a = 1', "const path = './a.ts'", ['a.ts a']],
])('of %j beside %j nobody uses %j', (a, b, want) => {
  const texts: Readonly<Record<string, string>> = { 'a.ts': a, 'b.ts': b }
  expect(unused(Object.keys(texts), (file) => factsOfText(file, texts[file] ?? ''))).toEqual(want)
})

test('every dependency has its line in docs/dependencies.md, and no line is left over', () => {
  const names = Object.keys(packages).toSorted()
  const listed = read('docs/dependencies.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
    )
  expect(listed.toSorted()).toEqual(names)
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
  'hack/cluster/paths.ts': 'two directories that every tool of hack asks for',
  'hack/images/repository.ts':
    'the root and version of the checkout, which every tool of hack asks for',
  'test/lab/paths.ts': 'the API paths that the lab, the bench and the faults share',
  'test/support/silent-logger.ts': 'one double, which tests of every room use',
}

/** Texts that people write and machines run; lists of checksums and what `npm run gen` writes are neither. */
const written = files.filter(
  (file) =>
    isOurs(file) &&
    (isCode(file) ||
      /\.(?:py|sh|bash|go|rs|sql|tpl|html|css|vue|Dockerfile)$|(?:^|\/)Dockerfile$|^\.ci\//.test(
        file,
      )),
)
const linesOf = (file: string): number => read(file).trimEnd().split('\n').length

test(`no source file or test is over ${mostLines} lines; split it by meaning`, () => {
  const long = written.filter((file) => linesOf(file) > mostLines)
  expect(long.map((file) => `${file}: ${linesOf(file)} lines`)).toEqual([])
})

test(`no source file is under ${leastLines} lines without a reason; merge it with the file it is read with`, () => {
  const short = written.filter(
    (file) =>
      (isCode(file) || /\.(?:py|sh)$/.test(file)) &&
      !isTest(file) &&
      !file.endsWith('.d.ts') &&
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
