// `--test CMD`: which test files a person means by a command. The command itself is never run; the
// files are, by the runners of the agents, which believe no exit code.
import { readPackageJson } from '../../agent-image/agent/project/package-json.ts'
import { detectAtOnce, languageOf } from '../../agent-image/agent/project/project.ts'
import { CliError, exitCodes } from '../failure.ts'

/** What a command is read against: a commit. */
export interface CommitFiles {
  /** Paths of its regular files. */
  readonly files: readonly string[]
  readonly read: (paths: readonly string[]) => Promise<ReadonlyMap<string, string>>
}

interface DecidingTests {
  /** Sorted. */
  readonly files: readonly string[]
  readonly warnings: readonly string[]
}

/** Flags that change nothing about which tests there are. */
const harmless = /^(?:-v+|-q+|-x|-s|-b|-f|-rA?|--verbose|--quiet|--silent|--failfast|--buffer)$/
const possible =
  'possible are paths of test files, node --test [FILES], npm test (when the script is node --test …), python3 -m unittest [FILES|discover], pytest [FILES]'

/**
 * The test files that a command names, in the commit. Errors: `CliError` (usage) for any other
 * command, and for a file that the commit does not hold.
 */
export async function decidingTests(command: string, commit: CommitFiles): Promise<DecidingTests> {
  const found = await filesOf(wordsOf(command), command, commit)
  const files = [...new Set(found.files)].toSorted()
  if (files.length === 0) throw refuse(command, 'it names no test file of the commit')
  const strange = files.find((path) => languageOf(path) === 'unknown')
  if (strange !== undefined) throw refuse(command, `no runner here can load ${strange}`)
  return { files, warnings: found.warnings ?? [] }
}

interface Found {
  readonly files: readonly string[]
  readonly warnings?: readonly string[]
}

async function filesOf(
  words: readonly string[],
  command: string,
  commit: CommitFiles,
): Promise<Found> {
  const [program = '', ...rest] = words
  if (program === 'node') return { files: await nodeFiles(rest, command, commit) }
  if (program === 'npm') return npmFiles(rest, command, commit)
  if (/^python3?$/.test(program)) {
    const [flag, module, ...more] = rest
    if (flag === '-m' && module === 'unittest')
      return { files: await unittestFiles(more, command, commit) }
    if (flag === '-m' && module === 'pytest')
      return { files: await pytestFiles(more, command, commit) }
    throw refuse(command, 'of Python, only -m unittest and -m pytest can be read')
  }
  if (program === 'pytest' || program === 'py.test')
    return { files: await pytestFiles(rest, command, commit) }
  // A file of that name wins over a program, which cannot be run here.
  return { files: await named(words, undefined, command, commit) }
}

async function nodeFiles(
  words: readonly string[],
  command: string,
  commit: CommitFiles,
): Promise<readonly string[]> {
  const paths = words.filter((word) => word !== '--test')
  if (paths.length === words.length) throw refuse(command, 'node is to be followed by --test')
  refuseFlags(paths, command)
  const own = paths.filter((word) => !harmless.test(word))
  if (own.length === 0) return testsOf('node', '', commit)
  return named(own, 'node', command, commit)
}

async function npmFiles(
  words: readonly string[],
  command: string,
  commit: CommitFiles,
): Promise<Found> {
  const plain = words.filter((word) => !harmless.test(word))
  const [verb = '', script] = plain
  const isTest =
    (plain.length === 1 && ['test', 't', 'tst'].includes(verb)) ||
    (plain.length === 2 && ['run', 'run-script'].includes(verb) && script === 'test')
  if (!isTest) throw refuse(command, 'of npm, only npm test without arguments can be read')
  const manifest = (await commit.read(['package.json'])).get('package.json')
  const { value, fault } = readPackageJson(manifest ?? '{}')
  if (fault !== undefined) throw refuse(command, `package.json ${fault}`)
  const scripts = scriptsOf(value)
  const text = scripts['test']
  if (text === undefined) throw refuse(command, 'package.json has no script called test')
  const [program] = wordsOf(text)
  if (program !== 'node' || !/\s--test(?:\s|$)/.test(text))
    throw refuse(command, `its script is "${text}", and only node --test … can be run here`)
  const around = ['pretest', 'posttest'].filter((name) => scripts[name] !== undefined)
  return {
    files: await nodeFiles(wordsOf(text).slice(1), command, commit),
    warnings: around.map((name) => `npm test also runs the script ${name}; it is not run here.`),
  }
}

function scriptsOf({
  scripts,
}: Readonly<Record<string, unknown>>): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(Object(scripts) as Record<string, unknown>).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

async function unittestFiles(
  words: readonly string[],
  command: string,
  commit: CommitFiles,
): Promise<readonly string[]> {
  const plain = words.filter((word) => !harmless.test(word))
  if (plain.length === 0) return discovered([], command, commit)
  if (plain[0] === 'discover') return discovered(plain.slice(1), command, commit)
  refuseFlags(plain, command)
  // unittest takes modules with dots as well as paths.
  const paths = plain.map((word) => {
    const module = `${word.replaceAll('.', '/')}.py`
    if (word.includes('/') || word.endsWith('.py') || !word.includes('.'))
      return commit.files.includes(module) ? module : word
    if (commit.files.includes(module)) return module
    throw refuse(command, `${word} is no module of the commit; single tests cannot be chosen`)
  })
  return named(paths, 'python', command, commit)
}

async function discovered(
  words: readonly string[],
  command: string,
  commit: CommitFiles,
): Promise<readonly string[]> {
  let folder = ''
  let pattern = 'test*.py'
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (/^(?:-s|--start-directory)$/.test(word)) folder = words[++at] ?? ''
    else if (/^(?:-p|--pattern)$/.test(word)) pattern = words[++at] ?? pattern
    else if (/^(?:-t|--top-level-directory)$/.test(word)) at++
    else if (word.startsWith('-') || folder !== '') refuseFlags([word, '-'], command)
    else folder = word
  }
  const name = patternOf(pattern)
  const files = await testsOf('python', safe(folder, command), commit)
  return files.filter((path) => name.test(path.split('/').at(-1) ?? ''))
}

/** The files that pytest looks for by default. */
const pytestName = /(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/

async function pytestFiles(
  words: readonly string[],
  command: string,
  commit: CommitFiles,
): Promise<readonly string[]> {
  const plain = words.filter((word) => !harmless.test(word))
  refuseFlags(plain, command)
  if (plain.length === 0)
    return (await testsOf('python', '', commit)).filter((path) => pytestName.test(path))
  const single = plain.find((word) => word.includes('::'))
  if (single !== undefined)
    throw refuse(command, `${single} is a single test; only whole files can decide`)
  return named(plain, 'python', command, commit)
}

/** The files behind words that are files, folders or patterns of the shell. */
async function named(
  words: readonly string[],
  language: 'node' | 'python' | undefined,
  command: string,
  commit: CommitFiles,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const word of words) found.push(...(await behind(word, language, command, commit)))
  return found
}

async function behind(
  word: string,
  language: 'node' | 'python' | undefined,
  command: string,
  commit: CommitFiles,
): Promise<readonly string[]> {
  const { files } = commit
  const path = safe(word, command)
  if (files.includes(path)) return [path]
  if (path === '' || files.some((file) => file.startsWith(`${path}/`))) {
    const tests = await testsOf(language, path, commit)
    if (tests.length === 0) throw refuse(command, `there are no test files in ${word}`)
    return tests
  }
  if (/[*?{[]/.test(path)) {
    const pattern = patternOf(path)
    const found = files.filter((file) => pattern.test(file) && languageOf(file) !== 'unknown')
    if (found.length > 0) return found
    throw refuse(command, `no file of the commit is like ${word}`)
  }
  throw refuse(command, `${word} is no file of the commit that HEAD names`)
}

/** All tests of one language, or of all, in a folder, as the agents find them. */
async function testsOf(
  language: 'node' | 'python' | undefined,
  folder: string,
  { files, read }: CommitFiles,
): Promise<readonly string[]> {
  const { testFiles } = await detectAtOnce(files, read)
  return testFiles.filter(
    (path) =>
      (language === undefined || languageOf(path) === language) &&
      (folder === '' || path.startsWith(`${folder}/`)),
  )
}

function safe(word: string, command: string): string {
  const path = word.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '')
  if (word.startsWith('/') || path.split('/').includes('..'))
    throw refuse(command, `${word} leads outside of the repository`)
  return path === '.' ? '' : path
}

function refuseFlags(words: readonly string[], command: string): void {
  const flag = words.find((word) => word.startsWith('-') && !harmless.test(word))
  if (flag !== undefined) throw refuse(command, `what ${flag} does cannot be done here`)
}

/** A pattern of the shell: `*` and `?` within a name, `**` over folders, `{a,b}`. */
function patternOf(glob: string): RegExp {
  let depth = 0
  const source = glob.replaceAll(/\*\*\/?|[*?{},]|[^*?{},]+/g, (part) => {
    if (part === '**/') return '(?:[^/]+/)*'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part === '{') return (depth++, '(?:')
    if (part === '}' && depth > 0) return (depth--, ')')
    if (part === ',' && depth > 0) return '|'
    return part.replaceAll(/[.+^$()|[\]\\{}]/g, String.raw`\$&`)
  })
  return new RegExp(`^${source}${')'.repeat(depth)}$`)
}

/** The words of a command, as a shell without expansions splits them. */
function wordsOf(command: string): readonly string[] {
  const words: string[] = []
  for (const match of command.matchAll(/(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+|\S/g)) {
    const [word] = match
    if (/^['"]$/.test(word)) throw refuse(command, 'a quotation mark in it is not closed')
    const bare = word.replaceAll(/'[^']*'|"(?:[^"\\]|\\.)*"|\\./g, '')
    if (/[;&|<>$`()]/.test(bare) || /^\w+=/.test(word))
      throw refuse(command, `${word} would need a shell, and none is run`)
    words.push(
      word.replaceAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g, (_, single, double, escaped) =>
        String(single ?? double?.replaceAll(/\\(.)/g, '$1') ?? escaped),
      ),
    )
  }
  if (words.length === 0) throw refuse(command, 'it is empty')
  return words
}

function refuse(command: string, why: string): CliError {
  return new CliError(`--test ${JSON.stringify(command)} cannot decide: ${why}; ${possible}`, {
    next: 'guild try … --type coding --test test/slug.test.js',
    exitCode: exitCodes.usage,
  })
}
