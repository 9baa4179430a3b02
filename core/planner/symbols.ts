import { extensionOf } from './language.ts'

const javascript = [
  /^export[ \t]+(?:default[ \t]+)?(?:async[ \t]+)?(?:function\*?|class|const|let|var|interface|type|enum)[ \t]+([A-Za-z_$][\w$]*)/gm,
  /^(?:module\.)?exports\.([A-Za-z_$][\w$]*)[ \t]*=/gm,
]
const javascriptLists = [/^export[ \t]*\{/gm, /^module\.exports[ \t]*=[ \t]*\{/gm]
const python = [
  /^(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z]\w*)/gm,
  /^([A-Z][A-Z0-9_]+)[ \t]*=/gm,
]
const most = 20

/** Names a source file gives to others, in order, at most 20. By pattern: good enough to talk about, not to compile. */
export function exportsOf(path: string, text: string): string[] {
  const isPython = extensionOf(path) === 'py'
  const single = isPython ? python : javascript
  const names = [
    ...single.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')),
    ...(isPython ? [] : javascriptLists.flatMap((opening) => listed(text, opening))),
  ]
  return [...new Set(names.filter((name) => /^[\w$]+$/.test(name)))].slice(0, most)
}

/** The names in the braces that `opening` ends with. A brace that never closes is looked for once. */
function listed(text: string, opening: RegExp): string[] {
  const names: string[] = []
  let from = 0
  for (const { 0: head, index } of text.matchAll(opening)) {
    if (index < from) continue
    const close = text.indexOf('}', index + head.length)
    if (close === -1) break
    names.push(
      ...text
        .slice(index + head.length, close)
        .split(',')
        .map(nameOf),
    )
    from = close
  }
  return names
}

/** `a as b` gives b to others, `a: b` gives a. */
function nameOf(part: string): string {
  const [first = ''] = part.split(':')
  const words = first.trim().split(/\s+/)
  return words.length === 3 && words[1] === 'as' ? (words[2] ?? '') : first.trim()
}
