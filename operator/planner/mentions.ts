// What a request names: files, identifiers, quoted strings, numbers. A plan that forgets one forgot part of the request.
import { extensionOf, isCode, isDocument } from './language.ts'
import { safePath } from './paths.ts'

/** One thing a request names. `identifier` and `path` stand for things to make; the others for details. */
export interface Mention {
  readonly kind: 'path' | 'identifier' | 'string' | 'number'
  readonly text: string
}

const quoted = /`([^`\n]{1,80})`|"([^"\n]{1,80})"|'([^'\n]{1,80})'(?![a-z])|“([^”\n]{1,80})”/g
const pathWord =
  /(?<![\w./@-])(?:\.\/)?(?:[\w@+-]+\/)+[\w.@+-]+\.[A-Za-z]\w{0,7}\b|(?<![\w./@-])[\w-]+\.(?:m?[jt]sx?|cjs|py|json|md|sql|html|css|ya?ml|toml)\b/g
const identifierWord =
  /\b[a-z][a-z0-9]*(?:[A-Z]\w*)\b|\b[a-z0-9]+(?:_[a-z0-9]+)+\b|\b[A-Za-z_$][\w$]*(?=\()/g
const numberWord = /(?<![\w.-])\d+(?:\.\d+)?(?![\w.]*[A-Za-z])/g
const notFiles = new Set(['node.js', 'next.js', 'vue.js', 'express.js', 'deno.js', 'd3.js'])
const notIdentifiers = new Set(['javaScript', 'gitHub', 'if', 'for', 'while', 'e.g', 'i.e'])

/** Everything a text names, each once. Sentences about documentation are left out: documentation has its own task. */
export function mentionsOf(text: string): Mention[] {
  const found = new Map<string, Mention>()
  const add = (kind: Mention['kind'], word: string) => {
    const trimmed = word.trim()
    if (trimmed !== '' && !found.has(`${kind} ${trimmed}`)) {
      found.set(`${kind} ${trimmed}`, { kind, text: trimmed })
    }
  }
  for (const sentence of sentencesOf(text)) {
    if (isAboutDocuments(sentence)) continue
    let rest = sentence
    for (const match of sentence.matchAll(quoted)) {
      const inner = match.slice(1).find((group) => group !== undefined) ?? ''
      addQuoted(inner, add)
      rest = rest.replace(match[0], ' ')
    }
    for (const [word] of rest.matchAll(pathWord)) {
      if (!notFiles.has(word.toLowerCase())) add('path', word)
      rest = rest.replace(word, ' ')
    }
    for (const [word] of rest.matchAll(identifierWord)) {
      if (!notIdentifiers.has(word)) add('identifier', word)
    }
    for (const [word] of rest.replace(/^\s*\d+[.)]/, '').matchAll(numberWord)) add('number', word)
  }
  return [...found.values()]
}

function addQuoted(inner: string, add: (kind: Mention['kind'], word: string) => void): void {
  const call = /^([A-Za-z_$][\w$]*)\((.*)\)$/.exec(inner)
  if (call !== null) {
    add('identifier', call[1] ?? '')
    for (const [, text = ''] of (call[2] ?? '').matchAll(/["']([^"']+)["']/g)) add('string', text)
    for (const [word] of (call[2] ?? '').replace(/["'][^"']*["']/g, '').matchAll(numberWord)) {
      add('number', word)
    }
  } else if (
    safePath(inner) === inner &&
    extensionOf(inner) !== '' &&
    /[\w-]\.[a-z]+$/.test(inner)
  ) {
    add('path', inner)
  } else if (/^[a-z$_][\w$]*$/.test(inner) && /[A-Z_$]/.test(inner)) add('identifier', inner)
  else add('string', inner)
}

/** The sentences of a text; every line of a list is one. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .flatMap((line) => line.split(/(?<!\b(?:e\.g|i\.e|etc|vs|cf)\.)(?<=[.!?;])\s+(?=\S)/))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '')
}

/** Whether a sentence asks for documentation. */
export function isAboutDocuments(sentence: string): boolean {
  return /\breadme\b|\bdocumentation\b|\bdocument(?:s|ed)?\b|\bchangelog\b/i.test(sentence)
}

/** Whether a text asks for deployment. */
export function isAboutDeployment(text: string): boolean {
  return /\bdeploy(?:s|ed|ing|ment)?\b/i.test(text)
}

/** Whether a text is about who may do what, or about keeping something secret. Tokens alone may be those of a parser. */
export function isAboutSecurity(text: string): boolean {
  return /\bauth\b|\bauth(?:enticat|oriz|oris)\w*|\bpasswords?\b|\bjwts?\b|\boauth\d?\b|\b(?:access|bearer|refresh|session) tokens?\b|\bcredentials?\b|\bencrypt\w*|\bpermissions?\b|\bapi keys?\b/i.test(
    text,
  )
}

/** Whether a text is about a service that others call over HTTP. */
export function isAboutRoutes(text: string): boolean {
  return /\b(?:rest|http|web) (?:api|service|server)s?\b|\bendpoints?\b|\b(?:GET|POST|PUT|PATCH|DELETE) \//i.test(
    text,
  )
}

/** The mentions that occur in none of the texts. Case, blanks, hyphens and underscores do not count. */
export function missingFrom(mentions: readonly Mention[], texts: readonly string[]): Mention[] {
  const text = texts.join('\n')
  const plain = flat(text)
  const numbers = new Set(text.match(/\d+(?:\.\d+)?/g))
  return mentions.filter((mention) => {
    if (mention.kind === 'number') return !numbers.has(mention.text)
    return !plain.includes(flat(mention.text))
  })
}

function flat(text: string): string {
  return text.toLowerCase().replace(/[\s_"'`-]+/g, '')
}

/** The code files a text names, as paths inside a repository. */
export function codePathsOf(text: string): string[] {
  const paths = mentionsOf(text)
    .filter((mention) => mention.kind === 'path' && isCode(mention.text))
    .map((mention) => safePath(mention.text))
    .filter((path) => path !== undefined)
  return [...new Set(paths)]
}

/** Whether a text names this very path: a longer word that has it within does not, as `process.env` for `.env`. */
export function namesPath(text: string, path: string): boolean {
  return text
    .split(/[\s"'`“”()[\]<>,;:]+/)
    .some((word) => word.replace(/^\.\//, '').replace(/[.!?]+$/, '') === path)
}

/** The documents a text names, as paths inside a repository. */
export function documentPathsOf(text: string): string[] {
  const words = [...text.matchAll(pathWord)].map(([word]) => safePath(word))
  return [...new Set(words.filter((path) => path !== undefined && isDocument(path)))].filter(
    (path) => path !== undefined,
  )
}
