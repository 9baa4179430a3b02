// The syntax of CSS and HTML. Both languages forgive much, so only those errors count that mean a
// cut or broken file.
import parseCss from 'css-tree/parser'
import { tokenize, tokenNames } from 'css-tree/tokenizer'
import { parse as parseHtml, parseFragment, type ParserError } from 'parse5'
import type { Syntax } from './syntax.ts'

const pairs: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' }

/**
 * Wrong: brackets, quotes and comments that do not end, and declarations or selectors that the
 * parser refuses.
 */
export function cssSyntax(text: string): Syntax {
  const open: { readonly sign: string; readonly at: number; readonly isRule: boolean }[] = []
  let rules = 0
  let isNested = false
  let isAtRule = false
  let wrong: { readonly at: number; readonly message: string } | undefined
  tokenize(text, (type, start, end) => {
    if (wrong !== undefined) return
    const name = tokenNames[type] ?? ''
    const token = text.slice(start, Math.min(end, start + 200))
    const last = token.at(-1) ?? ''
    if (name === 'bad-string-token' || (name === 'string-token' && isOpenString(text, start, end)))
      wrong = { at: start, message: 'a string does not end' }
    else if (name === 'bad-url-token') wrong = { at: start, message: 'an address is broken' }
    else if (name === 'comment-token' && (end - start < 4 || text.slice(end - 2, end) !== '*/'))
      wrong = { at: start, message: 'a comment does not end' }
    else if (name === 'url-token' && text[end - 1] !== ')')
      wrong = { at: start, message: 'an address does not end' }
    else if (name === 'function-token' || /^[{([]$/.test(token)) {
      // CSS allows rules within rules, which the parser below does not know.
      const isBlock = token === '{'
      const isRule = isBlock && !isAtRule
      isNested = isNested || (isBlock && rules > 0)
      if (isRule) rules++
      open.push({ sign: last, at: start, isRule })
    } else if (/^[})\]]$/.test(token)) {
      const before = open.pop()
      if (before?.isRule) rules--
      if (before === undefined || pairs[before.sign] !== token)
        wrong = { at: start, message: `there is a ${token} that closes nothing` }
    }
    if (name === 'at-keyword-token') isAtRule = true
    else if (/^[{};]$/.test(token)) isAtRule = false
  })
  const left = open.at(-1)
  if (wrong === undefined && left !== undefined)
    wrong = { at: left.at, message: `there is a ${left.sign} that is not closed` }
  if (wrong !== undefined)
    return { kind: 'wrong', line: lineOf(text, wrong.at), message: wrong.message }
  let error: { readonly line: number; readonly message: string } | undefined
  parseCss(text, {
    positions: true,
    // Browsers and tools invent values, so values are not judged.
    parseValue: false,
    parseAtrulePrelude: false,
    parseCustomProperty: false,
    onParseError: (problem) => {
      error ??= { line: problem.line, message: problem.message }
    },
  })
  if (error === undefined) return { kind: 'fine' }
  if (isNested || isOtherStyle(text))
    return { kind: 'unjudged', why: 'it is written for a tool that makes CSS' }
  return { kind: 'wrong', line: error.line, message: error.message.slice(0, 300) }
}

function isOpenString(text: string, start: number, end: number): boolean {
  return end - start < 2 || text[end - 1] !== text[start]
}

/** Signs of SCSS, Less and PostCSS plugins, and of tricks for old browsers. */
function isOtherStyle(text: string): boolean {
  return /^\s*(?:\/\/|\$[\w-]+\s*:|@[\w-]+\s*:)|@(?:include|mixin|extend|apply|if|each|for|use|screen|variants)\b|#\{|[{;]\s*[*_!$&#+][\w-]+\s*:|&[\w-]|~"|\bexpression\s*\(|progid:/m.test(
    text,
  )
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** Errors that no browser mends in the way that was meant. */
const brokenCodes = new Set([
  'eof-in-tag',
  'eof-in-comment',
  'eof-in-cdata',
  'eof-in-doctype',
  'eof-before-tag-name',
  'eof-in-element-that-can-contain-only-text',
  'unexpected-character-in-attribute-name',
  'unexpected-equals-sign-before-attribute-name',
  'missing-end-tag-name',
])

/**
 * Wrong: tags, comments and elements in the middle of which the text ends, and attributes that run
 * into each other.
 */
export function htmlSyntax(text: string): Syntax {
  if (text.trim() === '') return { kind: 'fine' }
  if (!/<[a-z!/]/i.test(text)) return { kind: 'wrong', line: 1, message: 'it holds no tag' }
  const isDocument = /<!doctype|<html[\s>]/i.test(text.slice(0, 5000))
  const errors: ParserError[] = []
  const options = {
    sourceCodeLocationInfo: true,
    onParseError: (error: ParserError) => {
      if (errors.length < 1000) errors.push(error)
    },
  }
  const tree = isDocument ? parseHtml(text, options) : parseFragment(text, options)
  const broken = errors.find((error) => brokenCodes.has(error.code))
  if (broken !== undefined) return wrongHtml(broken)
  // Without its end tag a whole page that leaves elements open was cut.
  const isEnded = /<\/(?:html|body)\s*>\s*(?:<!--[^]{0,2000}-->\s*)?$/i.test(text.slice(-4000))
  const left = isDocument && !isEnded ? openElement(tree) : undefined
  if (left === undefined) return { kind: 'fine' }
  return { kind: 'wrong', line: left.line, message: `the page ends within <${left.name}>` }
}

/** Elements whose end nobody leaves out on purpose. */
const closed =
  /^(?:div|section|main|header|footer|article|nav|aside|form|table|ul|ol|dl|select|button|a|h[1-6]|figure|details|dialog|fieldset|span|video|svg)$/

interface HtmlNode {
  readonly nodeName: string
  readonly childNodes?: readonly HtmlNode[]
  readonly sourceCodeLocation?: { readonly startLine: number; readonly endTag?: unknown } | null
}

/** The first element that the text opens and does not close. */
function openElement(tree: HtmlNode): { readonly name: string; readonly line: number } | undefined {
  const waiting: HtmlNode[] = [tree]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    const place = node.sourceCodeLocation
    if (closed.test(node.nodeName) && place && place.endTag === undefined)
      return { name: node.nodeName, line: place.startLine }
    for (const child of (node.childNodes ?? []).toReversed()) waiting.push(child)
  }
  return undefined
}

function wrongHtml(error: ParserError): Syntax {
  return { kind: 'wrong', line: error.startLine, message: error.code.replaceAll('-', ' ') }
}
