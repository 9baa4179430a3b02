// The ways in which small models answer wrongly, done to a right answer.
import type { Strike } from './faults.ts'
import { promptSections, type Question } from './script.ts'

/** The answer as a fault would have it. `limit`: the most tokens, for answers that would not end. */
export function spoilt(
  strike: Strike | undefined,
  text: string,
  asked: { readonly question: Question; readonly format: unknown; readonly limit: number },
): string {
  switch (strike?.kind) {
    case 'whitespace':
      return `{${'\n'.repeat(asked.limit * 8)}`
    case 'repeat':
      return 'and then the same again, '.repeat(asked.limit)
    case 'schema-echo':
      return JSON.stringify(asked.format ?? { type: 'object', properties: {} })
    case 'sorted-keys':
      return sortedKeys(text)
    case 'fenced':
      return `\`\`\`json\n${text}\n\`\`\``
    case 'prose':
      return `Sure! Here is what you asked for:\n\n${text}`
    case 'chatty':
      return `Sure! Here is what you asked for:\n\n\`\`\`json\n${text}\n\`\`\`\n\nLet me know if you need more.`
    case 'example-leak':
      return exampleOf(asked.question)
    case 'tool-output':
      return 'I ran the tests:\n\n```console\n$ npm test\n# pass 12\n# fail 0\n```\n\nAll of them pass, so the task is done.'
    case 'wrong-path':
      return wrongPaths(text)
    case 'elided':
      return text.replaceAll(/(```[^\n]*\n)([\s\S]*?)(\n```)/g, (_, open, code, close) =>
        [open, elided(String(code), String(open)), close].join(''),
      )
    case 'edited-tests':
      return `${text.trimEnd()}\n\n${weakenedTest(text)}`
    default:
      return text
  }
}

function sortedKeys(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text)), null, 2)
  } catch {
    return text
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]))
}

/** Where a prompt of ours has its example: a section of that title, else the end of the system prompt. */
function exampleOf({ system, user }: Question): string {
  const section = promptSections(user).get('example')
  if (section !== undefined) return section.trim()
  return /^Example.*:\n([\s\S]+)/m.exec(system)?.[1]?.trim() ?? 'Example'
}

const path = String.raw`(?:[\w.@-]+\/)*[\w.@-]+\.[A-Za-z0-9]{1,8}`

function wrongPaths(text: string): string {
  return text
    .replaceAll(new RegExp(String.raw`^(${path})(?=\n\`\`\`)`, 'gm'), 'path/to/$1')
    .replaceAll(new RegExp(`"(${path})"`, 'g'), '"path/to/$1"')
}

function elided(code: string, fence: string): string {
  const lines = code.split('\n')
  const mark = fence.includes('py') ? '#' : '//'
  const kept = lines.slice(0, Math.ceil(lines.length / 3))
  return [...kept, `${mark} ... rest of the code unchanged`].join('\n')
}

function weakenedTest(text: string): string {
  const named = new RegExp(String.raw`^(${path})(?=\n\`\`\`)`, 'm').exec(text)?.[1] ?? 'index.js'
  const name = named.replace(/^.*\//, '').replace(/(?:\.test)?\.\w+$/, '')
  return named.endsWith('.py')
    ? `test_${name}.py\n\`\`\`python\nimport unittest\n\n\nclass Passes(unittest.TestCase):\n    def test_passes(self):\n        self.assertTrue(True)\n\`\`\``
    : `test/${name}.test.js\n\`\`\`js\nimport { test } from 'node:test'\n\ntest('passes', () => {})\n\`\`\``
}
