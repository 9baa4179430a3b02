// Reads all facts of a JavaScript or TypeScript file.
import type { Comment } from '@babel/types'
import { type CodeFacts, type CommentFact, noFacts } from '../facts.ts'
import { type SyntaxTree, syntaxTreeOf } from './tree.ts'
import { blocksOfTree, bodiesOfTree } from './blocks.ts'
import { useConcerns } from './concerns.ts'
import { exportsOfTree } from './exports.ts'
import { importsOfTree, markersOf } from './imports.ts'
import { offersOfTree } from './offers.ts'
import { testFacts } from './test-facts.ts'
import { readTests } from './assertions.ts'
import { waitingConcerns } from './late-assertions.ts'
import { parseJavaScript } from './parse.ts'

/** Facts of one file. Never throws; a file that cannot be parsed has facts that say so. */
export function readJavaScript(path: string, text: string): CodeFacts {
  const parsed = parseJavaScript(path, text)
  if (parsed.kind !== 'tree') return noFacts(path, 'node', parsed)
  try {
    const tree = syntaxTreeOf(parsed.file, text)
    const tests = readTests(tree)
    return {
      path,
      language: 'node',
      parsed: { kind: 'fine' },
      imports: importsOfTree(tree),
      exports: exportsOfTree(tree),
      bodies: bodiesOfTree(tree),
      tests: testFacts(tree, tests),
      concerns: [...useConcerns(tree, tests), ...waitingConcerns(tree, tests)],
      comments: (parsed.file.comments ?? []).map((comment) => commentFact(comment)),
      ellipses: [],
      undeclared: undeclaredIn(tree),
      markers: markersOf(tree),
      offers: offersOfTree(tree),
      blocks: blocksOfTree(tree),
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return noFacts(path, 'node', { kind: 'unread', why: 'it is nested too deeply' })
  }
}

function commentFact(comment: Comment): CommentFact {
  return {
    text: comment.value,
    start: comment.start ?? 0,
    end: comment.end ?? 0,
    line: comment.loc?.start.line ?? 1,
  }
}

function undeclaredIn(tree: SyntaxTree): ReadonlySet<string> {
  const names = new Set<string>()
  for (const node of tree.nodes) {
    if (node.type !== 'Identifier' || names.has(node.name)) continue
    const meaning = tree.meaning(node)
    if (meaning.kind !== 'global') continue
    const parent = tree.parent(node)
    if (parent === undefined) continue
    // Names of properties, labels and the other side of imports and exports are not variables.
    const { key, property, computed, label, exported, imported } = parent as {
      key?: unknown
      property?: unknown
      computed?: boolean
      label?: unknown
      exported?: unknown
      imported?: unknown
    }
    const isKey = (key === node || property === node) && computed !== true
    const isShorthand = (parent as { shorthand?: boolean }).shorthand === true
    if (isKey && !isShorthand) continue
    if (label === node || exported === node || imported === node) continue
    if (/^TS|^MetaProperty$/.test(parent.type)) continue
    names.add(node.name)
  }
  return names
}
