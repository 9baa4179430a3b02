// Whether a file is right in its own language, for each language that a parser here reads.
import { isScalar, LineCounter, parseAllDocuments } from 'yaml'
import type { CodeFacts } from './facts.ts'
import { longestText, parseJavaScript } from './javascript/parse.ts'
import { isCode, readCode, type ReadingPlace } from './read-code.ts'
import { sqlSyntax } from './syntax-sql.ts'
import { cssSyntax, htmlSyntax } from './syntax-web.ts'
import type { ModuleKind } from './modules.ts'

/**
 * The verdict of a parser on a file. `unjudged` is neither good nor bad: nothing here reads it, for
 * the reason `why`.
 */
export type Syntax =
  | { readonly kind: 'fine' }
  | { readonly kind: 'wrong'; readonly line?: number; readonly message: string }
  | { readonly kind: 'unjudged'; readonly why: string }

/**
 * The syntax of `files` (text by path). JavaScript, TypeScript, JSX, JSON, YAML, CSS, HTML and SQL
 * are read here; Python and shell in the sandbox, which runs nothing of them. `facts` saves reading
 * code again; `kindOf` tells ES modules from CommonJS. Guarantees: a `wrong` file is refused by a
 * parser of its language, and holds no marks of a template or of a dialect that this parser does
 * not know.
 */
export async function syntaxOf(
  files: ReadonlyMap<string, string>,
  where: ReadingPlace,
  options: {
    readonly signal: AbortSignal
    readonly facts?: ReadonlyMap<string, CodeFacts>
    readonly kindOf?: (path: string) => ModuleKind
  },
): Promise<ReadonlyMap<string, Syntax>> {
  const python = new Map(
    [...files].filter(([path]) => /\.pyi?$/.test(path) && !options.facts?.has(path)),
  )
  const read = await readCode(python, where, options)
  const all = new Map<string, Syntax>()
  for (const [path, text] of files) {
    const facts = options.facts?.get(path) ?? read.get(path)
    if (facts !== undefined && facts.language === 'python') all.set(path, ofParsed(facts.parsed))
    else if (shellOf(path, text) !== undefined)
      all.set(path, await shellSyntax(path, text, where, options))
    else all.set(path, textSyntax(path, text, options.kindOf?.(path)))
  }
  return all
}

function ofParsed(parsed: CodeFacts['parsed']): Syntax {
  return parsed.kind === 'unread' ? { kind: 'unjudged', why: parsed.why } : parsed
}

/** The syntax of a file that needs no sandbox; the others are `unjudged`. */
export function textSyntax(path: string, text: string, kind?: ModuleKind): Syntax {
  if (text.length > longestText) return { kind: 'unjudged', why: 'it is longer than 256 KiB' }
  try {
    if (isCode(path) && !/\.pyi?$/.test(path)) {
      const parsed = parseJavaScript(path, text, kind)
      if (parsed.kind === 'tree') return { kind: 'fine' }
      return otherModuleKind(path, text, parsed) ?? ofParsed(parsed)
    }
    const found = judged(path, text)
    return found.kind === 'wrong' && isTemplate(path, text)
      ? { kind: 'unjudged', why: 'it is a template, which nothing here can read' }
      : found
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'unjudged', why: 'it is nested too deeply' }
    throw error
  }
}

/**
 * Says in the words of a project that a file is an ES module and has to be CommonJS. The parser's
 * own words name a setting of the parser, which nobody here can change. Undefined for every other
 * mistake.
 */
function otherModuleKind(
  path: string,
  text: string,
  parsed: CodeFacts['parsed'],
): Syntax | undefined {
  if (parsed.kind !== 'wrong') return undefined
  const asModule = parseJavaScript(path, text, 'module')
  if (asModule.kind !== 'tree') return undefined
  const why = path.endsWith('.cjs')
    ? 'as the ending .cjs says'
    : 'as its project is (no package.json says "type": "module" for it)'
  const { line } = parsed
  const isModule = asModule.file.program.body.some(({ type }) => /^(?:Import|Export)/.test(type))
  if (isModule || /import\.meta|sourceType/.test(parsed.message))
    return {
      kind: 'wrong',
      line,
      message: `this is an ES module, and ${path} has to be CommonJS, ${why}. Write exports.name = … for each name in place of export, and const { name } = require('…') in place of import.`,
    }
  return /\bawait\b/.test(parsed.message)
    ? {
        kind: 'wrong',
        line,
        message: `await stands outside of a function, and ${path} has to be CommonJS, ${why}. Put it into an async function.`,
      }
    : undefined
}

function judged(path: string, text: string): Syntax {
  const name = path.split('/').at(-1) ?? ''
  if (isCommentedJson(path, name)) return jsonSyntax(withoutComments(text))
  if (/\.(?:json|webmanifest|geojson)$/.test(name)) return jsonSyntax(text)
  if (/\.ya?ml$/.test(name)) return yamlSyntax(text)
  if (name.endsWith('.css')) return cssSyntax(text)
  if (/\.html?$/.test(name)) return htmlSyntax(text)
  if (name.endsWith('.sql')) return sqlSyntax(text)
  const ending = /\.\w+$/.exec(name)?.[0] ?? name
  return { kind: 'unjudged', why: `nothing here reads ${ending} files` }
}

/** Marks of template languages. They are looked for only where a parser refused a file. */
function isTemplate(path: string, text: string): boolean {
  if (/(?:^|\/)templates\/|\.(?:tpl|tmpl|j2|jinja2?|erb|ejs|hbs|liquid|njk)(?:\.|$)/.test(path))
    return true
  return /\{\{|\{%|<%|<\?php|<\?=|\{#(?:if|each|await)|\$\{[A-Z_]+\}|<#(?:if|list)|__[A-Z_]+__/.test(
    text,
  )
}

function isCommentedJson(path: string, name: string): boolean {
  return (
    /^(?:[tj]sconfig(?:\..+)?\.json|\.(?:eslintrc|babelrc|swcrc|jshintrc|jscsrc|prettierrc)(?:\.json)?|\.oxlintrc\.json|devcontainer\.json|deno\.json|turbo\.json|wrangler\.json|api-extractor\.json)$/.test(
      name,
    ) ||
    /\.(?:jsonc|code-workspace|code-snippets)$/.test(name) ||
    /(?:^|\/)(?:\.vscode|\.devcontainer|\.zed)\/[^/]+\.json$/.test(path)
  )
}

function jsonSyntax(text: string): Syntax {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ''))
    return { kind: 'fine' }
  } catch (error) {
    const message = error instanceof Error ? error.message : 'not JSON'
    const line = Number(/\(line (\d+) column \d+\)/.exec(message)?.[1])
    const at = Number(/position (\d+)/.exec(message)?.[1])
    const found = Number.isNaN(line) ? lineAt(text, at) : line
    return {
      kind: 'wrong',
      ...(found === undefined ? {} : { line: found }),
      message: message.slice(0, 300),
    }
  }
}

/** The line of an offset; undefined when there is none. */
function lineAt(text: string, offset: number): number | undefined {
  return Number.isNaN(offset) ? undefined : text.slice(0, offset).split('\n').length
}

/**
 * JSON as editors and compilers read it: comments become blanks, a comma before a closing bracket
 * goes.
 */
function withoutComments(text: string): string {
  let out = ''
  let at = 0
  while (at < text.length) {
    const sign = text[at]
    const two = text.slice(at, at + 2)
    if (sign === '"') {
      let end = at + 1
      while (end < text.length && text[end] !== '"' && text[end] !== '\n')
        end += text[end] === '\\' ? 2 : 1
      out += text.slice(at, end + 1)
      at = end + 1
    } else if (two === '//') {
      const end = text.indexOf('\n', at)
      at = end === -1 ? text.length : end
    } else if (two === '/*') {
      const end = text.indexOf('*/', at + 2)
      // A comment that does not end is left for the parser to refuse.
      if (end === -1) return out + text.slice(at)
      out += text.slice(at, end).replace(/[^\n]/g, '')
      at = end + 2
    } else if (sign === ',') {
      const next = nextSign(text, at + 1)
      if (next !== '}' && next !== ']') out += sign
      at++
    } else {
      out += sign
      at++
    }
  }
  return out
}

/** The next sign that is not a blank and not in a comment. */
function nextSign(text: string, from: number): string | undefined {
  let at = from
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at++
    const two = text.slice(at, at + 2)
    const end =
      two === '//' ? text.indexOf('\n', at) : two === '/*' ? text.indexOf('*/', at) : undefined
    if (end === undefined || end === -1) return text[at]
    at = end + (two === '//' ? 1 : 2)
  }
}

/** Longer texts take the parser for YAML more than a second. */
const longestYaml = 65_536

function yamlSyntax(text: string): Syntax {
  if (text.length > longestYaml) return { kind: 'unjudged', why: 'it is longer than 64 KiB' }
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    // Loaders of many programs let the last of two equal keys win.
    uniqueKeys: false,
    logLevel: 'silent',
    // Each pretty error reads the whole line again.
    prettyErrors: false,
    lineCounter: lines,
  })
  if (!Array.isArray(documents)) return { kind: 'fine' }
  const error = documents.flatMap((document) => document.errors.slice(0, 1))[0]
  if (error !== undefined && /call stack/.test(error.message))
    return { kind: 'unjudged', why: 'it is nested too deeply' }
  if (error !== undefined)
    return {
      kind: 'wrong',
      line: lines.linePos(error.pos[0]).line,
      message: error.message.slice(0, 300),
    }
  // A sentence is YAML, too; nobody keeps one in a file of settings.
  const [only] = documents
  const value = documents.length === 1 ? only?.contents : undefined
  if (isScalar(value) && value.type === 'PLAIN' && /\S\s+\S+\s+\S/.test(value.source ?? ''))
    return { kind: 'wrong', line: 1, message: 'it is a sentence, without any key or list' }
  return { kind: 'fine' }
}

/** The shell that a file is for; undefined when it is not a shell script. */
function shellOf(path: string, text: string): 'sh' | 'bash' | 'other' | undefined {
  const line = /^#![^\n]{0,200}/.exec(text)?.[0] ?? ''
  const program = /\b(bash|sh|dash|ash|zsh|ksh|fish)\b/.exec(line)?.[1]
  if (program === 'bash') return 'bash'
  if (program === 'sh' || program === 'dash' || program === 'ash') return 'sh'
  if (program !== undefined) return 'other'
  if (line !== '') return undefined
  if (path.endsWith('.bash')) return 'bash'
  return path.endsWith('.sh') ? 'sh' : undefined
}

async function shellSyntax(
  path: string,
  text: string,
  { sandbox, folder }: ReadingPlace,
  { signal }: { readonly signal: AbortSignal },
): Promise<Syntax> {
  const shell = shellOf(path, text)
  if (shell === undefined || shell === 'other')
    return { kind: 'unjudged', why: 'no shell of its kind is here' }
  if (text.length > longestText) return { kind: 'unjudged', why: 'it is longer than 256 KiB' }
  // A script without a first line that names its shell is often one for bash.
  const shells = shell === 'sh' && !text.startsWith('#!') ? ['sh', 'bash'] : [shell]
  let wrong: Syntax = { kind: 'unjudged', why: 'no shell is here' }
  for (const program of shells) {
    const result = await sandbox.exec(
      // -n reads the script and runs nothing of it.
      { argv: [program, '-n'], cwd: folder, timeoutSeconds: 20, outputBytes: 2048, stdin: text },
      { signal },
    )
    if (result.timedOut || result.exitCode === undefined || result.exitCode === 127) continue
    const isCut = /here-document .*delimited by end-of-file/.test(result.stderr)
    if (result.exitCode === 0 && !isCut) return { kind: 'fine' }
    const line = Number(/(?:line |: )(\d+):/.exec(result.stderr)?.[1])
    wrong = {
      kind: 'wrong',
      ...(Number.isNaN(line) ? {} : { line }),
      message: result.stderr.trim().split('\n')[0]?.slice(0, 300) ?? '',
    }
  }
  return wrong.kind === 'wrong' && isTemplate(path, text)
    ? { kind: 'unjudged', why: 'it is a template, which nothing here can read' }
    : wrong
}
