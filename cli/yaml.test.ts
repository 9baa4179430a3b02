// Kind: whatever is wrong with a YAML file, a person reads its file, line and column and a sentence
// of ours; nothing that the library says or throws comes through.
import { expect, test } from 'vitest'
import { manifestsIn } from './commands/submit.ts'
import { CliError } from './failure.ts'
import { parsePlan } from './planning/request.ts'
import { documentsIn } from './yaml.ts'

const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  .concat(
    [1, 2, 3, 4, 5, 6].map(
      (n) =>
        `a${n}: &a${n} [${Array(10)
          .fill(`*a${n - 1}`)
          .join(', ')}]`,
    ),
  )
  .join('\n')

test.each<[string, string, string, RegExp]>([
  ['aliases that repeat each other', bomb, '3, column 10', /aliases .* would be too large/],
  ['an alias without an anchor', 'a: 1\nb: *x', '2, column 4', /no anchor &x stands before/],
  ['an alias in its own value', 'a: &a [1, *a]', '1, column 11', /is a part of the value/],
  ['a merge of nothing', 'b:\n  <<: *x', '2, column 7', /no anchor &x/],
  ['a list after a field', 'a: 1\n- b', '2, column 1', /\w/],
  ['a quote that stays open', 'a: "x', '1, column 6', /a quote or a bracket is not closed/],
  ['a bracket that stays open', 'units: [\n', '[12], column \\d+', /bracket .*not closed/],
  ['a colon in a value', 'a: b: c', '1, column 4', /put the value into quotes/],
  ['a tab', 'a:\n\tb: 1', '2, column \\d', /tab/],
  ['a field that stands twice', 'a: 1\na: 2', '2, column 1', /for the second time/],
  ['a text after a quote', "a: 'b' c", '1, column 8', /does not belong here/],
  ['a sign that is reserved', 'a: @b', '1, column 4', /put the text into quotes/],
  ['a strange backslash', 'a: "\\q"', '1, column 5', /a backslash in double quotes/],
  ['brackets without end', '['.repeat(20_000), '1, column \\d+', /nested too deeply|not closed/],
  ['the second document', 'a: 1\n---\nb: [', '3, column \\d', /not closed/],
])('%s', (_, text, place, want) => {
  for (const read of [
    () => documentsIn(text, 'f.yaml', 'guild x'),
    () => manifestsIn(text, 'f.yaml'),
    () => parsePlan(text, 'f.yaml'),
  ]) {
    const said = caught(read)
    expect(said.message).toMatch(new RegExp(`^f\\.yaml is not valid YAML: line ${place}: `))
    expect(said.message).toMatch(want)
    expect(said.message).not.toMatch(/:$|YAML\.|token|Implicit|Unexpected|scalar|flow map/i)
    expect(said.exitCode).toBe(2)
    expect(said.next).toBeDefined()
  }
})

test.each([
  ['', []],
  ['# only a comment\n---\n', []],
  ['a: &x [1]\nb: *x', [{ a: [1], b: [1] }]],
  ['a: 1\n---\n---\nb: 2', [{ a: 1 }, { b: 2 }]],
])('%j is read', (text, want) => {
  expect(documentsIn(text, 'f.yaml', 'guild x')).toEqual(want)
})

test.each([
  ['', 'f.yaml holds no plan: it is empty, or has only comments'],
  ['a: 1\n---\nb: 2', 'f.yaml holds no plan: it has several documents (---), and a plan is one'],
  ['- a', 'f.yaml holds no plan: it has to be an object with fields, and is a list'],
  ['units: 3', 'f.yaml holds no plan: units: has to be a list, and is 3'],
])('a plan file %j is told by what it is', (text, want) => {
  expect(caught(() => parsePlan(text, 'f.yaml')).message).toBe(want)
})

test.each(['"foo"', '- a', '7'])('%s is told without an empty field', (text) => {
  const said = caught(() => manifestsIn(text, 'f.yaml')).message
  expect(said).toMatch(/^document 1 of f\.yaml is not a DevRequest: it has to be an object/)
})

function caught(work: () => unknown): CliError {
  try {
    work()
  } catch (error) {
    if (error instanceof CliError) return error
    throw error
  }
  throw new Error('nothing was refused')
}
