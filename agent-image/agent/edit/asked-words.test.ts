// What a request wants to go may go; a name that a request only speaks of may not.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../code/read-code.ts'
import { lostNames } from './lost-names.ts'

const lost = (
  path: string,
  before: string,
  after: string,
  { asked }: { readonly asked: string },
): readonly string[] =>
  lostNames(factsOf(path, before), factsOf(path, after), asked)
    .filter(({ certain }) => certain)
    .map(({ name }) => name)

describe('what a request wants to go may go', () => {
  const before = 'export class Store {\n  low() {}\n  add() {}\n}\nexport const keep = 1\n'
  const after = 'export class Store {\n  add() {}\n}\nexport const hold = 1\n'
  test.each<[string, readonly string[]]>([
    ['Remove the method low from class Store and rename keep to hold.', []],
    ['Delete Store.low(), and change keep to hold.', []],
    ['low() is no longer needed. keep should be called hold.', []],
    ['Rewrite src/a.js from scratch.', []],
    ['Drop `low`; replace `keep` by hold.', []],
    ['In Store, get rid of low. Export hold instead of keep.', []],
    ['Remove the unused methods and move keep to src/keep.js.', []],
    ['Split src/a.js into two files.', []],
    ['Remove dead code, and all the old members.', []],
    ['keep -> hold. The method low is not needed.', []],
    ['Rename keep to hold.', ['Store.low']],
    ['Remove the method low.', ['keep']],
    // The words are there, and do not speak of these names.
    ['Add the method remove(id) to class Store, like low() and keep.', ['keep', 'Store.low']],
    ['Add a method that removes blanks in Store; use keep.', ['keep', 'Store.low']],
    ['Replace the loop in low() by keep.', ['keep', 'Store.low']],
    ['Do not remove low. Keep keep.', ['keep', 'Store.low']],
    ['Add hold without removing keep or Store.low.', ['keep', 'Store.low']],
    ['hold(text) drops what keep would keep; Store.low stays.', ['keep', 'Store.low']],
    ['Rewrite Store to be faster, simplify keep.', ['keep', 'Store.low']],
    ['Add words(text): split the text into words. keep is one of them.', ['keep', 'Store.low']],
    ['Add hold(text), which keeps only letters and works from scratch.', ['keep', 'Store.low']],
    ['hold(object) should remove keys and entries that are null.', ['keep', 'Store.low']],
    [
      'hold(list): move the first item to the end, replace everything else by 0.',
      ['keep', 'Store.low'],
    ],
    ['hold(text) must clean up the text and drop names.', ['keep', 'Store.low']],
    ['Add a method delete(key) to class Store.', ['keep', 'Store.low']],
    [
      'The function hold(text) should remove dots and replace blanks by dashes.',
      ['keep', 'Store.low'],
    ],
  ])('%s', (asked, want) => {
    expect(lost('src/a.js', before, after, { asked })).toEqual(want)
  })
})
