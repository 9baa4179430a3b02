import { describe, expect, test } from 'vitest'
import { examplesOf } from './examples.ts'

const textsOf = (request: string) => examplesOf(request).map((example) => example.text)

describe('an example is found and kept sign by sign', () => {
  test.each<readonly [what: string, request: string, want: readonly string[]]>([
    [
      'two blanks at both ends',
      'trim("  Crème brûlée  ") is "Crème brûlée".',
      ['trim("  Crème brûlée  ") is "Crème brûlée"'],
    ],
    ['leading blanks', 'indent("x", 2) gives "  x".', ['indent("x", 2) gives "  x"']],
    [
      'several in one sentence',
      'add(1, 2) is 3, add(-1, 1) is 0 and add(2, 2) → 4.',
      ['add(1, 2) is 3', 'add(-1, 1) is 0', 'add(2, 2) → 4'],
    ],
    [
      'keyword arguments of Python',
      'split("a,b", sep=",", maxsplit=-1) returns ["a", "b"].',
      ['split("a,b", sep=",", maxsplit=-1) returns ["a", "b"]'],
    ],
    [
      'bytes and raw strings',
      "pack(b'a  b', r'\\d') == b'\\x00'",
      ["pack(b'a  b', r'\\d') == b'\\x00'"],
    ],
    [
      'JSON',
      'parse("a=1") -> {"a":  1, "b": [true, null]}',
      ['parse("a=1") -> {"a":  1, "b": [true, null]}'],
    ],
    [
      'quotes in quotes',
      'quote("say \\"hi\\"") is \'say "hi"\'',
      ['quote("say \\"hi\\"") is \'say "hi"\''],
    ],
    ['emoji', 'count("👩‍💻  👍") is 2', ['count("👩‍💻  👍") is 2']],
    [
      'Chinese without blanks',
      '调用format("2024-01-01")返回"1月1日"。',
      ['调用format("2024-01-01")返回"1月1日"'],
    ],
    ['Japanese', 'wareki(2024) は "令和6年" を返す。', ['wareki(2024) は "令和6年"']],
    ['Russian', 'plural(2, "кот") возвращает "кота".', ['plural(2, "кот") возвращает "кота"']],
    ['German', 'größe("Straße") ergibt 6.', ['größe("Straße") ergibt 6']],
    ['French', 'prix(1.5) donne « 1,50 € ».', ['prix(1.5) donne « 1,50 € »']],
    [
      'escapes',
      'lines("a\\nb\\tc\\\\d") is ["a", "b\\tc\\\\d"]',
      ['lines("a\\nb\\tc\\\\d") is ["a", "b\\tc\\\\d"]'],
    ],
    [
      'a regular expression',
      'find(/^\\d{2}\\s  x$/i, "12") is true',
      ['find(/^\\d{2}\\s  x$/i, "12") is true'],
    ],
    ['negative numbers', 'clamp(-2.5, -1, 0) is -1.', ['clamp(-2.5, -1, 0) is -1']],
    [
      'null and None',
      'find([]) is null. get({}, "a") returns None.',
      ['find([]) is null', 'get({}, "a") returns None'],
    ],
    [
      'an error',
      'wrap("x", 0) throws a RangeError; int("x") raises ValueError.',
      ['wrap("x", 0) throws a RangeError', 'int("x") raises ValueError'],
    ],
    [
      'a list',
      '- `f("a  b")` gives `"a"`\n- `f("")` is empty',
      ['`f("a  b")` gives `"a"`', '`f("")` is empty'],
    ],
    ['a table', '| call | result |\n|---|---|\n| `f("a  b")` | `"x"` |', ['`f("a  b")` | `"x"`']],
    ['a doctest', 'Like this:\n\n>>> count("a  b")\n2', ['>>> count("a  b")\n2']],
    ['comments in a block', '```js\nf("a  b") // => "c"\ng(1); // 2\n```', ['f("a  b") // => "c"']],
    [
      'assertions in a block',
      '```js\nassert.equal(f("a  b", 1), "c")\nexpect(g([])).toBe(0)\n```',
      ['assert.equal(f("a  b", 1), "c")', 'expect(g([])).toBe(0)'],
    ],
    ['several lines', 'sum([\n  1,\n  2,\n]) is 3', ['sum([\n  1,\n  2,\n]) is 3']],
    [
      'methods',
      'cart.add("a", 2).total() is 3.50 and "a b".split(" ") is ["a", "b"]',
      ['cart.add("a", 2).total() is 3.50', '"a b".split(" ") is ["a", "b"]'],
    ],
    ['calls in calls', 'len(chunk([1, 2], 1)) == 2', ['len(chunk([1, 2], 1)) == 2']],
    ['brackets in strings', 'close("a (b") is "a (b)"', ['close("a (b") is "a (b)"']],
    [
      'a name and what it is of',
      'The slug of "A  B" is "a-b", the factorial of 5 is 120.',
      ['slug of "A  B" is "a-b"', 'factorial of 5 is 120'],
    ],
    [
      'a name that turns one into another',
      'slugify turns "A  B" into "a-b".',
      ['slugify turns "A  B" into "a-b"'],
    ],
    ['no name', '"A  B" -> "a-b"', ['"A  B" -> "a-b"']],
    [
      'dates and tolerances',
      'day(3) is 2024-01-03. add(0.1, 0.2) is 0.3 within 1e-9.',
      ['day(3) is 2024-01-03', 'add(0.1, 0.2) is 0.3 within 1e-9'],
    ],
    [
      'what is negated or awaited',
      '!isEmpty([1]) is true; await load("a") resolves to {"ok": true}',
      ['!isEmpty([1]) is true', 'await load("a") resolves to {"ok": true}'],
    ],
    [
      'modal verbs',
      'isPrime(8) must return false, isPrime(7) should be true.',
      ['isPrime(8) must return false', 'isPrime(7) should be true'],
    ],
  ])('%s', (_, request, want) => {
    expect(textsOf(request)).toEqual(want)
    for (const { text, at } of examplesOf(request))
      expect(request.slice(at, at + text.length)).toBe(text)
  })
})

test.each([
  ['wrap(text, width) breaks a text, and slugify(text) uses it.'],
  ['The file `config.json` is read; `slugify` returns a slug.'],
  ['I don\'t know whether "a" is good, or "b".'],
  ['Open src/a.js (the old one) and see f(x) there.'],
])('prose is no example: %s', (request) => {
  expect(textsOf(request)).toEqual([])
})

test.each([
  ['cart.add(1).total() is 1', ['cart', 'add', 'total']],
  ['len(chunk([1], 1)) is 1', ['len', 'chunk']],
  ['调用format(1)返回2', ['format']],
  ['assert.equal(f(g("h(1)")), 1)', ['f', 'g']],
  ['expect(f(1)).toBe(2)', ['f']],
])('names what it is about: %s', (request, want) => {
  expect(examplesOf(request)[0]?.names).toEqual(want)
})
