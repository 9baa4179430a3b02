import { describe, expect, test } from 'vitest'
import type { Unit } from '../api/devrequest.ts'
import { faithfulLine } from '../api/faithful-text.ts'
import type { RepositoryFacts } from './facts.ts'
import { lostExamples, withOwnWords } from './own-words.ts'

const noSymbols: Pick<RepositoryFacts, 'symbols'> = { symbols: [] }
const unit = (
  name: string,
  goal: string,
  doneWhen = 'it works',
  file = `src/${name}.js`,
): Unit => ({
  name,
  goal,
  files: [file],
  doneWhen,
})
const criteria = (units: readonly Unit[], request: string, facts = noSymbols) =>
  withOwnWords(
    units.map((one) => ({ ...one, doneWhen: faithfulLine(one.doneWhen, 2000) })),
    request,
    facts,
  ).map((one) => one.doneWhen)

describe('a literal that a model changed in blanks, quotes and escapes only becomes that of the request', () => {
  test.each([
    ['blanks squeezed', 'slug("  Crème brûlée  ") is "a"', 'slug(" Crème brûlée ") is "a"'],
    ['other quotes', 'slug("a  b") is "a"', "slug('a b') is 'a'"],
    ['quotes lost', 'slug("a  b") is "a-b"', 'slug(a b) is "a-b"'],
    ['an escape became a line break', 'slug("a\\nb") is "a"', 'slug("a\nb") is "a"'],
    ['an escape doubled', 'slug("a\\tb") is "a"', 'slug("a\\\\tb") is "a"'],
    ['a letter as an escape', 'slug("brûlée") is "a"', 'slug("br\\u00fbl\\u00e9e") is "a"'],
    ['a decomposed letter', 'slug("brûlée") is "a"', `slug("${'brûlée'.normalize('NFD')}") is "a"`],
    ['a list written closely', 'slug([1,  2]) is "a"', 'slug([1,2]) is "a"'],
  ])('%s', (_, request, doneWhen) => {
    const [made] = criteria([unit('slug', 'slug(text) makes a slug', doneWhen)], request)
    expect(made).toBe(request)
  })

  test('in goals, too, and within ticks and other calls', () => {
    const [made] = withOwnWords(
      [unit('join', 'join(list) puts ", " between, as `join(["a","b"])` does', 'see log("x y")')],
      'join(list) puts ",  " between: join(["a",  "b"]) is "a,  b". It logs "x  y".',
      noSymbols,
    )
    expect(made?.goal).toBe('join(list) puts ",  " between, as `join(["a",  "b"])` does')
    expect(made?.doneWhen).toContain('log("x  y")')
  })

  test('but not where the request has several that are as alike, nor where it is another', () => {
    const request = 'count("a b") is 3, count("a  b") is 4. count("A b") is 3.'
    const [made] = criteria(
      [unit('count', 'count(text)', 'count("a   b") is 5, count("a c") is 3')],
      request,
    )
    expect(made).toMatch(/^count\("a {3}b"\) is 5, count\("a c"\) is 3/)
  })
})

describe('an example stands in the criterion of the unit that makes its function, and in no other', () => {
  const request =
    'src/slug.js exports slugify(text), src/wrap.js exports wrap(text, width). slugify("A  b") is "a-b". wrap("a b", 1) is "a\\nb".'

  test.each([
    [
      'the goals name the functions',
      unit('slug', 'slugify(text) makes slugs'),
      unit('wrap', 'wrap(text, width) breaks lines'),
    ],
    ['only the files do', unit('slug', 'makes slugs'), unit('wrap', 'breaks lines')],
    [
      'one goal names both',
      unit('slug', 'slugify(text) makes slugs'),
      unit('wrap', 'wrap(text, width), as slugify(text) needs it'),
    ],
    [
      'the criteria are mixed up',
      unit('slug', 'slugify', 'wrap("a b", 1) is "a\\nb"'),
      unit('wrap', 'wrap', 'slugify("A b") is "a-b"'),
    ],
    [
      'one criterion has both',
      unit('slug', 'slugify', 'slugify("A b") is "a-b" and wrap("a b", 1) is "a\\nb".'),
      unit('wrap', 'wrap'),
    ],
    [
      'a call of the other has another value',
      unit('slug', 'slugify', 'It works with wrap("x", 3).'),
      unit('wrap', 'wrap'),
    ],
  ])('%s', (_, one, other) => {
    const [slug = '', wrap = ''] = criteria([one, other], request)
    expect(slug).toContain('slugify("A  b") is "a-b"')
    expect(slug).not.toContain('wrap("')
    expect(wrap).toContain('wrap("a b", 1) is "a\\nb"')
    expect(wrap).not.toContain('slugify("')
  })

  test('exports of files that are there decide before words do', () => {
    const facts = { symbols: [{ file: 'src/text.js', names: ['pad'] }] }
    const units = [unit('pad-left', 'fill up texts'), unit('text', 'texts of all kinds')]
    expect(criteria(units, 'pad("a", 2) is " a"', facts)).toEqual([
      'it works',
      'it works. pad("a", 2) is " a"',
    ])
  })

  test('methods, doctests, tables and code go to the unit of their name', () => {
    const text = [
      'cart.add("a").total() is 3.',
      '>>> price("1  €")\n1',
      '| price("2  €") | 2 |',
      '```js\ncart.clear() // => 0\n```',
    ].join('\n')
    const [cart = '', price = ''] = criteria(
      [unit('cart', 'makeCart() gives a cart'), unit('price', 'price(text) reads a price')],
      text,
    )
    expect(cart).toBe('it works. cart.add("a").total() is 3. cart.clear() // => 0')
    expect(price).toBe('it works\n>>> price("1  €")\n1. price("2  €") | 2')
  })

  test('one without a name goes to what the text before it is about', () => {
    const text =
      'slugify(text) makes slugs.\n"A  B" -> "a-b"\n\nwrap(text) breaks lines.\n"a b" -> "a\\nb"'
    const [slug = '', wrap = ''] = criteria(
      [unit('slug', 'slugify(text)'), unit('wrap', 'wrap(text)')],
      text,
    )
    expect(slug).toContain('"A  B" -> "a-b"')
    expect(wrap).toContain('"a b" -> "a\\nb"')
    expect(slug).not.toContain('"a b" ->')
  })

  test('one of the documentation is for the documentation', () => {
    const [made] = criteria(
      [unit('slug', 'slugify(text)')],
      'The README shows that slugify("a") is "a".',
    )
    expect(made).toBe('it works')
  })
})

test('what does not fit is left out whole, and told', () => {
  const values = Array.from(
    { length: 50 },
    (_, n) => `f("${String(n).repeat(30)}  ${n}") is "${'x'.repeat(20)}${n}"`,
  )
  const request = `${values.join('. ')}.`
  const units = withOwnWords([unit('f', 'f(text)', 'a "b  c" '.repeat(200))], request, noSymbols)
  const [made] = units
  expect(made?.doneWhen.length).toBeLessThanOrEqual(2000)
  const lost = lostExamples(units, request)
  expect(lost.length).toBeGreaterThan(10)
  for (const value of values) expect(lost.includes(value)).toBe(!made?.doneWhen.includes(value))
})

test('words of the request are the same for the same units', () => {
  const units = [unit('a', 'a(x)', 'a(1) is 2')]
  const once = withOwnWords(units, 'a(1) is 2. a("  ") is 0.', noSymbols)
  expect(withOwnWords(once, 'a(1) is 2. a("  ") is 0.', noSymbols)).toEqual(once)
})
