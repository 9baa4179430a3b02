import { extensionOf } from './language.ts'

const javascript = [
  /^export\s+(?:default\s+)?(?:async\s+)?(?:function\*?|class|const|let|var|interface|type|enum)\s+([A-Za-z_$][\w$]*)/gm,
  /^(?:module\.)?exports\.([A-Za-z_$][\w$]*)\s*=/gm,
]
const javascriptLists = [/^export\s*\{([^}]*)\}/gm, /^module\.exports\s*=\s*\{([^}]*)\}/gm]
const python = [/^(?:async\s+)?(?:def|class)\s+([A-Za-z]\w*)/gm, /^([A-Z][A-Z0-9_]+)\s*=/gm]
const most = 20

/** Names a source file gives to others, in order, at most 20. By pattern: good enough to talk about, not to compile. */
export function exportsOf(path: string, text: string): string[] {
  const single = extensionOf(path) === 'py' ? python : javascript
  const lists = extensionOf(path) === 'py' ? [] : javascriptLists
  const names = [
    ...single.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')),
    ...lists.flatMap((pattern) =>
      [...text.matchAll(pattern)].flatMap((match) =>
        (match[1] ?? '').split(',').map((part) => nameOf(part)),
      ),
    ),
  ]
  return [...new Set(names.filter((name) => /^[\w$]+$/.test(name)))].slice(0, most)
}

/** `a as b` gives b to others, `a: b` gives a. */
function nameOf(part: string): string {
  return (
    part
      .split(':')[0]
      ?.split(/\s+as\s+/)
      .at(-1)
      ?.trim() ?? ''
  )
}
