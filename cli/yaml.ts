// YAML files of people. What the library says of a mistake is for programmers; here each mistake
// has a place and a sentence, and nothing that the library throws comes through.
import { type Document, LineCounter, type YAMLError, isNode, parseAllDocuments, visit } from 'yaml'
import { CliError, exitCodes } from './failure.ts'

/** What each mistake means to somebody who wrote the file. */
const words: Readonly<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'an alias (*name) can have no anchor and no tag',
  BAD_ALIAS: 'the name of an anchor or an alias cannot be used',
  BAD_COLLECTION_TYPE: 'the tag (!) says another kind of value than the one that follows',
  BAD_DIRECTIVE: 'a line that begins with % is not known',
  BAD_DQ_ESCAPE:
    'a backslash in double quotes begins a code that YAML does not know; in single quotes it is a plain sign',
  BAD_INDENT:
    'the line is not indented as those that it belongs to, or a bracket above it is not closed',
  BAD_PROP_ORDER: 'an anchor or a tag stands in the wrong place',
  BAD_SCALAR_START:
    'a text begins with a sign that means something else in YAML; put the text into quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a field or a list begins inside the value of another one; begin it on a line of its own, or put the value into quotes when it holds ": "',
  BLOCK_IN_FLOW: 'a list or fields over several lines stand inside brackets',
  DUPLICATE_KEY: 'this field stands here for the second time',
  IMPOSSIBLE: 'this cannot be understood',
  KEY_OVER_1024_CHARS: 'the name of a field is longer than 1024 characters',
  MISSING_CHAR: 'a quote or a bracket is not closed, or the colon behind a field is missing',
  MULTILINE_IMPLICIT_KEY: 'the name of a field goes over several lines; is a colon missing?',
  MULTIPLE_ANCHORS: 'a value has two anchors',
  MULTIPLE_DOCS: 'a second document begins',
  MULTIPLE_TAGS: 'a value has two tags',
  NON_STRING_KEY: 'the name of a field has to be a text',
  RESOURCE_EXHAUSTION: 'brackets or lists are nested too deeply',
  TAB_AS_INDENT: 'the line begins with a tab; YAML is indented with blanks',
  TAG_RESOLVE_FAILED: 'the tag (!) is not known',
  UNEXPECTED_TOKEN:
    'something stands here that does not belong here; is a quote, a comma or a line break missing before it?',
}

/**
 * The values of the documents in a text, without those that are empty. `file` names the text for
 * people, `next` is the command to type after a mistake.
 * Errors: `CliError` (usage) with file, line, column and a sentence.
 */
export function documentsIn(text: string, file: string, next: string): readonly unknown[] {
  const lines = new LineCounter()
  const wrong = (at: number, what: string, cause?: unknown): CliError => {
    const { line, col } = lines.linePos(at)
    const place = `line ${Math.max(1, line)}, column ${Math.max(1, col)}`
    return new CliError(`${file} is not valid YAML: ${place}: ${what}`, {
      next,
      exitCode: exitCodes.usage,
      cause,
    })
  }
  return parsed(text, lines, wrong).flatMap((document) => {
    const [mistake] = document.errors
    if (mistake !== undefined) throw wrong(mistake.pos[0], words[mistake.code], mistake)
    const alias = badAlias(document)
    if (alias !== undefined) throw wrong(alias.at, alias.what)
    try {
      const value: unknown = document.toJS()
      return value === null ? [] : [value]
    } catch (cause) {
      const isBomb = cause instanceof ReferenceError && /alias count/i.test(cause.message)
      const why = isBomb
        ? 'the aliases (*name) repeat each other so often that the text would be too large'
        : `the value cannot be read (${cause instanceof Error ? cause.message : String(cause)})`
      throw wrong(isBomb ? nestedAlias(document) : startOf(document.contents), why, cause)
    }
  })
}

type Wrong = (at: number, what: string, cause?: unknown) => CliError

function parsed(text: string, lineCounter: LineCounter, wrong: Wrong): readonly Document[] {
  try {
    const found = parseAllDocuments(text, { lineCounter, prettyErrors: false })
    return 'empty' in found ? [] : found
  } catch (cause) {
    throw wrong(
      0,
      cause instanceof RangeError ? words.RESOURCE_EXHAUSTION : words.IMPOSSIBLE,
      cause,
    )
  }
}

const startOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)

/** An alias that stands for nothing, or for a value that it is part of. */
function badAlias(document: Document): { readonly at: number; readonly what: string } | undefined {
  let found: { readonly at: number; readonly what: string } | undefined
  visit(document, {
    Alias: (_, alias, path) => {
      const source = alias.resolve(document)
      const what =
        source === undefined
          ? `no anchor &${alias.source} stands before the alias *${alias.source}`
          : path.includes(source)
            ? `the alias *${alias.source} is a part of the value that it stands for`
            : undefined
      if (what === undefined) return undefined
      found = { at: startOf(alias), what }
      return visit.BREAK
    },
  })
  return found
}

/** The first alias that stands for a value with aliases in it; else the first of all. */
function nestedAlias(document: Document): number {
  let [first, nested]: (number | undefined)[] = []
  visit(document, {
    Alias: (_, alias) => {
      first ??= startOf(alias)
      const source = alias.resolve(document)
      if (source === undefined) return undefined
      visit(source, {
        Alias: () => {
          nested = startOf(alias)
          return visit.BREAK
        },
      })
      return nested === undefined ? undefined : visit.BREAK
    },
  })
  return nested ?? first ?? 0
}
