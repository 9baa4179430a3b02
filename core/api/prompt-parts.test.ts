import { expect, test } from 'vitest'
import { exampleTrap, inOneBlock, optionalSection, section } from './prompt-parts.ts'

test('an optional section of a text that says nothing is left out', () => {
  expect(optionalSection('Notes', ' \n')).toEqual([])
  expect(optionalSection('Notes', 'a')).toEqual([{ title: 'Notes', text: 'a', must: false }])
  expect(section('Request', '')).toEqual({ title: 'Request', text: '', must: true })
})

test('the output rule names the fence, the line before it and what stands in it', () => {
  expect(inOneBlock('js')).toBe(
    'in one fenced block: a line with the path, then ```js, the whole file, ```.',
  )
  expect(inOneBlock('markdown', { named: 'docs/a.md', content: 'the prose' })).toBe(
    'in one fenced block: a line with docs/a.md, then ```markdown, the prose, ```.',
  )
})

test.each([
  ['a word of the example', 'call zqLamp(1)', '', 'zqLamp'],
  ['a word in other letters', 'class ZqLamp {}', '', 'zqLamp'],
  ['a word within a path', 'src/my_zq_lamp.py', '', 'zq_lamp'],
  ['a word that is asked for', 'call zqLamp(1)', 'Write ZQLAMP.', undefined],
  ['another word than is asked for', 'zqLamp and zq_lamp', 'Write zqLamp.', 'zq_lamp'],
  ['none of its words', 'call lamp(1)', '', undefined],
])('the trap of an example finds %s', (_case, text, asked, want) => {
  expect(exampleTrap(['zqLamp', 'zq_lamp'])(text, asked)).toBe(want)
})
