// What our files say in words: the comments of code, settings and scripts, and the lines of documents.
import { factsOf, factsOfText, files, isCode, read } from './sources.ts'

/** A comment, or a line of a document. */
export interface Remark {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** Texts of others, kept as examples, say what they like. */
const isForeign = (file: string): boolean =>
  /^(?:test\/fixtures\/|LICENSE$|package-lock)/.test(file)

/** A sign in a string begins no comment where a blank does not stand before it. */
const afterHash = /(?:^|(?<=\s))#(?<text>.*)/gm
// Strings are passed over first, so that no sign in them begins a comment.
const inPython =
  /(?<=(?:^|\n)[ \t]*)[rb]?(?<quotes>"""|''')(?<text>[^]*?)\k<quotes>|[rbf]*(?:"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|#(?<remark>.*)/g
const forms: readonly (readonly [RegExp, RegExp])[] = [
  [
    /\.(?:ya?ml|sh|bash|toml|cfg|tpl|helmignore|gitignore|dockerignore)$|(?:^|\/)\.?Dockerfile$|\.Dockerfile$|^\.ci\//,
    afterHash,
  ],
  [/\.(?:tpl|ya?ml|txt)$/, /\{\{-?\s*\/\*(?<text>[^]*?)\*\//g],
  [/\.(?:go|mod)$/, /(?:^|(?<=\s))\/\/(?<text>.*)|\/\*(?<remark>[^]*?)\*\//gm],
  [/\.py$/, inPython],
]

/** Comments of every file that has any. */
export const comments: readonly Remark[] = files
  .filter((file) => !isForeign(file))
  .filter((file) => isCode(file) || forms.some(([name]) => name.test(file)))
  .flatMap((file) =>
    isCode(file)
      ? factsOf(file).comments.map((one) => ({ file, ...one }))
      : commentsOf(file, read(file)),
  )

/**
 * Documents, line by line. Decisions and the changelog tell what was, so they may name things that
 * are gone.
 */
export const documents: readonly Remark[] = files
  .filter((file) => /\.(?:md|txt)$/.test(file) && !isForeign(file))
  .filter((file) => !/^(?:CHANGELOG|docs\/decisions)/.test(file))
  .flatMap((file) =>
    read(file)
      .split('\n')
      .map((text, index) => ({ file, line: index + 1, text })),
  )

/** The comments of a file with this text. */
export function commentsOf(file: string, text: string): readonly Remark[] {
  if (isCode(file)) return factsOfText(file, text).comments.map((one) => ({ file, ...one }))
  return forms
    .filter(([name]) => name.test(file))
    .flatMap(([, pattern]) => [...text.matchAll(pattern)])
    .map((found) => ({
      file,
      line: text.slice(0, found.index).split('\n').length,
      text: found.groups?.['text'] ?? found.groups?.['remark'] ?? '',
    }))
    .filter((one) => one.text !== '')
}
