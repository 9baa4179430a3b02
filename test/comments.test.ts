// A comment or a document names only what exists: files, headings, decisions, commands and names of our code.
import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { laneNames } from '../hack/lanes/lanes.ts'
import { comments, commentsOf, documents, type Remark } from './support/remarks.ts'
import { code, factsOf, files, inside, isTest, read } from './support/sources.ts'

/** Names of others, which comments and documents may use: where each comes from. */
const foreign: Readonly<Record<string, string>> = {
  AgentPool: 'a kind that is planned, and so not in the code',
  CallTracker: 'a part of assert that Node had once',
  FlowSchema: 'a kind of Kubernetes',
  GraphSize: 'a function in the sources of Ollama',
  LoadBalancer: 'a kind of Service in Kubernetes',
  Location: 'a header of HTTP',
  MicroTime: 'a type of Kubernetes, in Go',
  OpenTelemetry: 'the project whose names of metrics we use',
  Q4_K_M: 'a way to make a model small',
  Section: 'a heading in a prompt',
  TimeoutError: 'the error of an aborted signal',
  ValidPath: 'a function of Go',
  'Store.keep': 'a method of a project’s code',
  'Store.save': 'a method of a project’s code',
  eviction: 'a part of the API of Kubernetes',
  hang: 'what an agent of the simulation can do',
  hasDotgit: 'a fault that git names',
  emitter: 'an object of a project’s code',
  gitmodulesUrl: 'a fault that git names',
  isCloudModelName: 'a function in the sources of Ollama',
  max_width: 'a name of a project’s code',
  metav1: 'a package of Kubernetes, in Go',
  nullSha1: 'a fault that git names',
  parseDate: 'a function of a project’s code',
  postcss: 'a package that is not used',
  toJSON: 'a method that JSON.stringify calls',
  wrapLines: 'a function of a project’s code',
  allOf: 'a word of JSON Schema',
  $user: 'a route of a project’s code',
}

/** Files of others, by their whole name: where each is. */
const foreignFiles: Readonly<Record<string, string>> = {
  'app/slug.py': 'a file of a person’s project',
  'helpers.py': 'a file of a person’s project',
  'FILE.json': 'whichever file the reader wrote',
  'plan.yaml': 'written by the reader of the README',
  'request.txt': 'written by the reader of the README',
}

const folders = new Set(files.flatMap((file) => foldersOf(file)))
const known = new Set([...files, ...folders])
/** Every file by the ends of its path, as a reader names it who stands in its folder or above. */
const ends = new Set(
  files.flatMap((file) => file.split('/').map((_, at, parts) => parts.slice(at).join('/'))),
)

function foldersOf(file: string): readonly string[] {
  const parent = posix.dirname(file)
  return parent === '.' ? [] : [parent, ...foldersOf(parent)]
}

// This file writes names that are nowhere.
const ownFile = 'test/comments.test.ts'
/** Identifiers and words of strings, by the file of code that has them. */
const wordsOf = new Map(
  code.filter((file) => file !== ownFile).map((file) => [file, factsOf(file).words]),
)
/** The words of everything else that machines read. */
const otherWords = files
  .filter((file) => /\.(?:py|sh|ya?ml|tpl|json|toml|go|mod)$|Dockerfile$|^\.ci\//.test(file))
  .filter((file) => !/^package-lock|^test\//.test(file))
  .flatMap((file) => withoutComments(file).match(/[A-Za-z_$][\w$]*/g) ?? [])
const isOfTests = (file: string): boolean => isTest(file) || inside(file, 'test')
/** What explains a name. The strings of tests are example data, so they explain what tests say, and nothing else. */
const words = new Set([
  ...[...wordsOf].flatMap(([file, own]) => [...(isOfTests(file) ? factsOf(file).names : own)]),
  ...otherWords,
])
const wordsOfTests = new Set(
  [...wordsOf].flatMap(([file, own]) => (isOfTests(file) ? [...own] : [])),
)

function withoutComments(file: string): string {
  return commentsOf(file, read(file)).reduce(
    (text, one) => text.replace(one.text, () => ''),
    read(file),
  )
}

const isWord = (word: string, file: string): boolean =>
  words.has(word) || word in foreign || (isOfTests(file) && wordsOfTests.has(word))

/** The files that declare an exported type or constant. */
const declaring = Map.groupBy(
  code
    .filter((file) => file !== ownFile)
    .flatMap((file) => factsOf(file).exports.map(({ name }) => ({ name, file }))),
  ({ name }) => name,
)
const strings = code.filter((file) => file !== ownFile).flatMap((file) => factsOf(file).strings)
const inStrings = strings.map(({ text }) => text).join('\n')

/** What a remark names and nothing has. */
type Finder = (remark: Remark) => readonly string[]

const rooms =
  'core|operator|forge|cli|agent-image|rehearsal|simulated-kubernetes|hack|test|docs|crds|helm|examples|knowledge'
/** A path with an ending, or one from the root. A colon before it belongs to a branch or an image. */
const path = new RegExp(
  String.raw`(?<![\w./$}<>*…-])(?:(?:\.{0,2}\/)*(?:[\w.@-]+\/)*[\w.-]*\w\.(?:[cm]?[jt]sx?|py|sh|go|ya?ml|tpl|json|md|svg|toml|Dockerfile|txt)|(?:${rooms})\/[\w.\/-]*\w)(?![\w*])`,
  'g',
)

const missingFiles: Finder = ({ file, text }) =>
  [...text.replaceAll(/\w+:\/\/\S+/g, '').matchAll(path)]
    .map(([name]) => name)
    .filter((name) => !isThere(name, file) && !isExample(name))

function isThere(name: string, from: string): boolean {
  const beside = posix.join(posix.dirname(from), name)
  return known.has(name) || known.has(beside) || (!/^\.{0,2}\//.test(name) && ends.has(name))
}

/** Whether a path may be one of somebody's project, of an image or of what a program writes. */
function isExample(name: string): boolean {
  if (name in foreignFiles) return true
  const top = new RegExp(`^(?:${rooms})/`).exec(name)?.[0]
  // Projects have a folder `test`, too, and ours has folders only.
  const isOurs =
    top !== undefined && (top !== 'test/' || folders.has(name.split('/').slice(0, 2).join('/')))
  if (isOurs || name.startsWith('.github/')) return false
  // No file of ours is plain JavaScript.
  if (/\.(?:[cm]?jsx?|tsx)$/.test(name) && !name.endsWith('.mjs')) return true
  if (name.endsWith('.py'))
    return /(?:^|\/)(?:__\w+__|(?:test_.*|.*_test|setup|conftest))\.py$|^\/app\//.test(name)
  return /\.(?:json|ya?ml|txt|toml|mjs)$/.test(name) && inStrings.includes(posix.basename(name))
}

/** Names of ours in code quotes, in `{@link}` and after `@see`: alone, with a dot, with arguments. */
const missingNames: Finder = ({ file, text }) =>
  [...text.matchAll(/`([^`\n]+)`|\{@link\s+([^}|]+)[^}]*\}|@see\s+(?!\{|https?:)(\S+)/g)]
    .map(([, quoted, linked, seen]) => (quoted ?? linked ?? seen ?? '').trim())
    .filter((name) => !new RegExp(`^(?:${path.source})$`).test(name))
    .filter((name) => {
      const found = /^[#@]?([A-Za-z_$][\w$]*(?:\??\.#?[\w$]+)*)(?:<\w+>)?(?:\([^]*\))?[.,]?$/.exec(
        name,
      )
      return found !== null && !isName((found[1] ?? '').split(/\??\.#?/), file)
    })

function isName(parts: readonly string[], from: string): boolean {
  if (parts.join('.') in foreign) return true
  if (parts.some((part) => part.length > 1 && !isWord(part, from))) return false
  const [first = '', second] = parts
  const places = declaring.get(first)
  // `Hub.connect` has to be a word of a file that exports Hub, or of one that such a file takes from.
  if (second === undefined || places === undefined || !/^[A-Z]/.test(first)) return true
  const near = places.flatMap(({ file }) => [
    file,
    ...factsOf(file).loads.map(({ target = '' }) => target),
  ])
  return near.some((file) => wordsOf.get(file)?.has(second) === true)
}

/** Words that can only be names: with parentheses, or with a capital in the middle. */
const missingWords: Finder = ({ file, text }) =>
  [
    ...text
      .replaceAll(/`[^`]*`|\[[^\]]*\]\([^)]*\)|https?:\S+/g, '')
      .matchAll(
        /(?<![\w./$@-])(?:([A-Za-z_]\w*)\(\)|([a-z][a-z0-9]*(?:[A-Z][a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,}))(?![\w./-])/g,
      ),
  ]
    .map(([, called, bare]) => called ?? bare ?? '')
    .filter(
      (name) =>
        ![name, name.replace(/e?s$/, ''), name.replace(/s$/, '')].some((one) => isWord(one, file)),
    )

/** The addresses that GitHub gives to the headings of a document. */
function headings(file: string): ReadonlySet<string> {
  const lines = read(file)
    .replaceAll(/```[^]*?```/g, '')
    .matchAll(/^#+ +(.*)$/gm)
  return new Set(
    [...lines].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Links of Markdown that lead nowhere, and headings that a document does not have. */
const missingLinks: Finder = ({ file, text }) => {
  const links = file.endsWith('.md')
    ? [...text.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(<?([^)\s>]+)>?(?:\s[^)]*)?\)/g)]
    : []
  const named = [...text.matchAll(/(?<![\w./-])([\w./-]+\.md#[\w-]+)/g)]
  return [...links, ...named]
    .map(([, target = '']) => target)
    .filter((target) => !/^(?:https?|mailto):/.test(target))
    .filter((target) => {
      const [name = '', heading] = target.split('#')
      const beside = name === '' ? file : posix.join(posix.dirname(file), name).replace(/\/$/, '')
      const found = [beside, name].find((one) => known.has(one))
      return found === undefined || (heading !== undefined && !headings(found).has(heading))
    })
}

const { scripts } = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>
}
/** What `npm test --` understands stands in its program. */
const testOptions = new Set(
  ['hack/test.ts', 'hack/lanes/lanes.ts', 'hack/lanes/run-lane.ts'].flatMap((file) =>
    factsOf(file).strings.flatMap(({ text }) => text.match(/(?<![\w-])--[a-z-]+/g) ?? []),
  ),
)

/** Commands of npm that this repository does not have, and decisions that nobody wrote. */
const missingCommands: Finder = ({ text }) => [
  ...[...text.matchAll(/\bnpm run(?: -s| --silent)* (\w[\w-]*(?::[\w-]+)*)/g)]
    .filter(([, name = '']) => scripts[name] === undefined)
    .map(([command]) => command),
  ...[...text.matchAll(/\bnpm test -- ([\w-]+)/g)]
    .filter(
      ([, name = '']) =>
        !/^[A-Z]+$/.test(name) &&
        !testOptions.has(name) &&
        !laneNames.some((lane) => lane === name),
    )
    .map(([command]) => command),
  ...[...text.matchAll(/\bdecisions? (\d{4})\b/gi)]
    .filter(([, number]) => !files.some((file) => file.startsWith(`docs/decisions/${number}-`)))
    .map(([decision]) => decision),
]

/** What is missing in the order of the remarks, each with its place. */
function lies(remarks: readonly Remark[], finder: Finder): readonly string[] {
  return remarks.flatMap((remark) =>
    finder(remark).map((name) => `${remark.file}:${remark.line} ${name}`),
  )
}

const remarks = [...comments, ...documents]
/** The sentences of our programs and tools. */
const sentences = code
  .filter((file) => !isTest(file) && !inside(file, 'test'))
  .flatMap((file) => factsOf(file).strings.map((one) => ({ file, ...one })))

test('every file that a comment or a document names is there', () => {
  expect(comments.length).toBeGreaterThan(5_000)
  expect(lies(remarks, missingFiles)).toEqual([])
})

test('every document that a program names in a sentence is there', () => {
  const named = sentences.map((one) => ({
    ...one,
    text: (one.text.match(/\bdocs\/[\w./-]*\w\.md(?:#[\w-]+)?/g) ?? []).join(' '),
  }))
  expect(lies(named, missingFiles)).toEqual([])
  expect(lies(named, missingLinks)).toEqual([])
})

test('everything in code quotes that looks like a name of ours is in the code', () => {
  expect(lies(remarks, missingNames)).toEqual([])
})

test('every word that can only be a name is in the code', () => {
  expect(lies(remarks, missingWords)).toEqual([])
})

test('every link of a document leads somewhere', () => {
  const history = files
    .filter((file) => /^(?:CHANGELOG\.md$|docs\/decisions\/)/.test(file))
    .flatMap((file) =>
      read(file)
        .split('\n')
        .map((text, index) => ({ file, line: index + 1, text })),
    )
  expect(lies([...remarks, ...history], missingLinks)).toEqual([])
})

test('every command of npm and every decision that is named is there', () => {
  expect(lies([...remarks, ...sentences], missingCommands)).toEqual([])
})

const finders = [missingFiles, missingNames, missingWords, missingLinks, missingCommands]
const liesIn = (file: string, text: string): readonly string[] => [
  ...new Set(finders.flatMap((finder) => finder({ file, line: 1, text }))),
]

test.each([
  ['See core/tasks/nowhere.ts for why.', ['core/tasks/nowhere.ts']],
  ['see:core/tasks/nowhere.ts', ['core/tasks/nowhere.ts']],
  ['(core/tasks/nowhere.ts:12)', ['core/tasks/nowhere.ts']],
  ['@core/tasks/nowhere.ts', ['@core/tasks/nowhere.ts']],
  ['`nowhere.ts` does it, and nowhere.mts.', ['nowhere.ts', 'nowhere.mts']],
  ['See ./nowhere.ts and ../models/nowhere.ts.', ['./nowhere.ts', '../models/nowhere.ts']],
  ['See ./gateway.ts, which is in another folder.', ['./gateway.ts']],
  ['See models/nowhere.ts and models/gateway.ts.', ['models/nowhere.ts']],
  ['See core/nowhere and operator/nowhere/else.', ['core/nowhere', 'operator/nowhere/else']],
  ['Run by .github/workflows/nowhere.yml.', ['.github/workflows/nowhere.yml']],
  ['See test/support/nowhere.js, not test/a.test.js.', ['test/support/nowhere.js']],
  ['The program code_nowhere.py, as test_a.py.', ['code_nowhere.py']],
  [
    'See nope.md and docs/decisions/0099-nowhere.md.',
    ['nope.md', 'docs/decisions/0099-nowhere.md'],
  ],
  ['See docs/models.md and src/slug.js.', []],
  ['Uses `acceptNothingEver` first, and `acceptReport`.', ['acceptNothingEver']],
  ['`vanishedFn(a, b)` does it, by `#vanishedField`.', ['vanishedFn(a, b)', '#vanishedField']],
  ['See {@link acceptNothingEver} and {@link acceptReport}.', ['acceptNothingEver']],
  ['@see acceptNothingEver', ['acceptNothingEver']],
  ['`Gateway.vanishedMethod`, not `Gateway.call`.', ['Gateway.vanishedMethod']],
  // A word of ours, but none that a gateway has to do with.
  ['`Gateway.boundNames` does it.', ['Gateway.boundNames']],
  ['Calls acceptNothingEver() first, then acceptReport().', ['acceptNothingEver']],
  ['The NowhereLedger keeps it for all DevRequests.', ['NowhereLedger']],
  ['The vanishedLedger keeps it.', ['vanishedLedger']],
  ['See docs/verdicts.md#no-such-heading.', ['docs/verdicts.md#no-such-heading']],
  ['See decision 0099, and decision 0011.', ['decision 0099']],
  ['Run `npm run nowhere` or npm run -s gen.', ['npm run nowhere']],
  [
    'Run `npm test -- nowhere`, `npm test -- unit` or `npm test -- --fast`.',
    ['npm test -- nowhere'],
  ],
  ['Run `npm test -- --nowhere`.', ['npm test -- --nowhere']],
])('the comment %j of core/tasks names what is not there: %j', (text, want) => {
  expect(liesIn('core/tasks/transitions.ts', text)).toEqual(want)
})

test.each([
  ['[x](../core/tasks/nowhere.ts)', ['../core/tasks/nowhere.ts']],
  ['[x](nope.md) and [`y`](models.md)', ['nope.md']],
  ['[x](models.md#no-such-heading)', ['models.md#no-such-heading']],
  ['[x](#no-such-heading), [y](#an-air-gap)', ['#no-such-heading']],
  ['known: (`nowhere.test.ts`)', ['nowhere.test.ts']],
  ['`runtime/nowhere.ts` and `NowhereInformer`', ['runtime/nowhere.ts', 'NowhereInformer']],
  ['`spec.vanished` is a field, and `spec.files` is one', ['spec.vanished']],
  ['[x](https://example.com/nowhere.md), `kubectl get pods`', []],
])('the line %j of docs/models.md names what is not there: %j', (text, want) => {
  expect(liesIn('docs/models.md', text)).toEqual(want)
})

const lie = 'See core/tasks/nowhere.ts.'
test.each([
  ['agent-image/sandbox/programs/code_facts.py', `x = "# no" # ${lie}`],
  [
    'agent-image/sandbox/programs/code_facts.py',
    `def f():\n    """A sentence.\n    ${lie}\n    """`,
  ],
  ['agent-image/sandbox/programs/node-hooks.mjs', `const x = 1 /* ${lie} */`],
  ['forge/main.js', `// ${lie}`],
  ['helm/guildhall/values.yaml', `a: 1 # ${lie}`],
  ['helm/guildhall/templates/_helpers.tpl', `{{- /*\n${lie}\n*/ -}}`],
  ['helm/guildhall/templates/role.yaml', `# ${lie}`],
  ['hack/ci/container-engine.sh', `echo '#no' # ${lie}`],
  ['.ci/run', `# ${lie}`],
  ['agent-image/Dockerfile', `RUN true\n# ${lie}`],
  ['hack/images/ollama.Dockerfile', `# ${lie}`],
  ['hack/native-cluster/go/coredns/main.go', `package main // ${lie}`],
  ['hack/native-cluster/go/coredns/go.mod', `// ${lie}`],
  ['forge/templates/python/pyproject.toml', `# ${lie}`],
])('comments of %s are read: %j', (file, text) => {
  const found = commentsOf(file, text).map((one) => one.text)
  expect(found.length).toBe(1)
  expect(liesIn(file, found.join('\n'))).toEqual(['core/tasks/nowhere.ts'])
})

test('every file in which comments can stand is read', () => {
  const read = new Set(remarks.map(({ file }) => file))
  for (const file of [
    '.ci/run',
    'agent-image/Dockerfile',
    'hack/ci/container-engine.sh',
    'helm/guildhall/values.yaml',
  ])
    expect(read).toContain(file)
  for (const ending of ['.py', '.mjs', '.tpl', '.go', '.Dockerfile', '.md', '.txt'])
    expect(
      [...read].some((file) => file.endsWith(ending)),
      ending,
    ).toBe(true)
})
