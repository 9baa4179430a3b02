import { describe, expect, test } from 'vitest'
import { extractBlocks } from './blocks.ts'
import { extractObject } from './answer.ts'
import { isRecord } from './schema.ts'

const fence = '```'

describe('extractBlocks', () => {
  const cases: readonly {
    readonly name: string
    readonly answer: string
    readonly want: readonly { path?: string; language?: string; text: string }[]
  }[] = [
    {
      name: 'takes the path from the line before the fence',
      answer: `Here you go:\n\nsrc/a.js\n${fence}js\nlet a\n${fence}\n`,
      want: [{ path: 'src/a.js', language: 'js', text: 'let a' }],
    },
    {
      name: 'strips the marks that models put around a path',
      answer: `### \`src/a.js\`:\n${fence}js\nlet a\n${fence}`,
      want: [{ path: 'src/a.js', language: 'js', text: 'let a' }],
    },
    {
      name: 'finds the one quoted path in a sentence',
      answer: `The file \`src/a.js\` becomes:\n\n${fence}\nlet a\n${fence}`,
      want: [{ path: 'src/a.js', text: 'let a' }],
    },
    {
      name: 'does not take a sentence for a path',
      answer: `Here is the code.\n${fence}python\npass\n${fence}`,
      want: [{ language: 'python', text: 'pass' }],
    },
    {
      name: 'takes the path from the info string in each of its forms',
      answer: [
        `${fence}js src/a.js`,
        '1',
        fence,
        `${fence}js:src/b.js`,
        '2',
        fence,
        `${fence}src/c.js`,
        '3',
        fence,
        `${fence}js title="src/d.js"`,
        '4',
        fence,
      ].join('\n'),
      want: [
        { path: 'src/a.js', language: 'js', text: '1' },
        { path: 'src/b.js', language: 'js', text: '2' },
        { path: 'src/c.js', text: '3' },
        { path: 'src/d.js', language: 'js', text: '4' },
      ],
    },
    {
      name: 'counts a block whose end is missing',
      answer: `${fence}js\nlet a\nlet b`,
      want: [{ language: 'js', text: 'let a\nlet b' }],
    },
    {
      name: 'keeps the fences inside a Markdown block',
      answer: `README.md\n${fence}markdown\n# T\n${fence}js\nlet a\n${fence}\nend\n${fence}\n`,
      want: [
        { path: 'README.md', language: 'markdown', text: `# T\n${fence}js\nlet a\n${fence}\nend` },
      ],
    },
    {
      name: 'ignores what a model thinks aloud',
      answer: `<think>${fence}js\nno\n${fence}</think>\n${fence}js\nyes\n${fence}`,
      want: [{ language: 'js', text: 'yes' }],
    },
    {
      name: 'takes the indentation of a fence from its text',
      answer: `1. The file:\n\n    ${fence}js\n    let a\n      let b\n    ${fence}\n`,
      want: [{ language: 'js', text: 'let a\n  let b' }],
    },
    {
      name: 'keeps the fences that documentation in code has',
      answer: `${fence}py\n#\n    ${fence}\n    f(1)\n    ${fence}\n#\n${fence}\n`,
      want: [{ language: 'py', text: `#\n    ${fence}\n    f(1)\n    ${fence}\n#` }],
    },
    {
      name: 'opens an answer that is wrapped as a whole',
      answer: `${fence}markdown\nsrc/a.js\n${fence}js\nlet a\n${fence}\n${fence}`,
      want: [
        { language: 'markdown', text: `src/a.js\n${fence}js\nlet a\n${fence}` },
        { path: 'src/a.js', language: 'js', text: 'let a' },
      ],
    },
    { name: 'finds nothing in prose', answer: 'I cannot do that.', want: [] },
  ]
  test.each(cases)('$name', ({ answer, want }) => {
    expect(extractBlocks(answer)).toEqual(want)
  })
})

const wantsA = (value: unknown) => ({
  value,
  problems: isRecord(value) && ['number', 'string'].includes(typeof value['a']) ? [] : ['no a'],
})

describe('extractObject', () => {
  const cases: readonly {
    readonly name: string
    readonly answer: string
    readonly want: { readonly value: unknown; readonly place: string } | undefined
  }[] = [
    {
      name: 'takes the whole answer',
      answer: ' {"a":1}\n',
      want: { value: { a: 1 }, place: 'whole' },
    },
    {
      name: 'takes a fenced object',
      answer: `Sure!\n${fence}json\n{"a":1}\n${fence}\nDone.`,
      want: { value: { a: 1 }, place: 'fence' },
    },
    {
      name: 'takes the first object in prose that fits, braces in strings not counted',
      answer: 'Given {"b":2} I answer {"a":"}{"} as asked.',
      want: { value: { a: '}{' }, place: 'prose' },
    },
    {
      name: 'reads what people write for JSON',
      answer: "{a: 'one', // the first\n 'b': True,}",
      want: { value: { a: 'one', b: true }, place: 'whole' },
    },
    {
      name: 'opens an object that holds the answer',
      answer: '{"answer":{"a":1}}',
      want: { value: { a: 1 }, place: 'whole' },
    },
    {
      name: 'closes what lacks nothing but its last brackets',
      answer: '{"a":1,"b":[{"c":"}"',
      want: { value: { a: 1, b: [{ c: '}' }] }, place: 'unclosed' },
    },
    {
      name: 'does not close a text that was cut',
      answer: '{"b":2,"a":"on',
      want: undefined,
    },
    {
      name: 'ignores thoughts whose beginning is not seen',
      answer: 'I think {"a":1} is wrong.\n</think>\n{"a":2}',
      want: { value: { a: 2 }, place: 'whole' },
    },
    {
      name: 'finds nothing in thoughts without an end',
      answer: '<think>{"a":1} or {"a":2}?',
      want: undefined,
    },
    {
      name: 'finds nothing where there is no object',
      answer: '[1,2] and no more',
      want: undefined,
    },
  ]
  test.each(cases)('$name', ({ answer, want }) => {
    const found = extractObject(answer, wantsA)
    expect(found && { value: found.value, place: found.place }).toEqual(want)
  })

  test('rejects the schema given back as the answer', () => {
    const echo = JSON.stringify({ type: 'object', a: 1, properties: { a: { type: 'integer' } } })
    expect(extractObject(echo, wantsA)?.problems).toEqual(['it is the schema, not an answer'])
  })
})
