import { describe, expect, test } from 'vitest'
import { extractBlocks } from './blocks.ts'

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

const real = `${fence}js\nreal()\n${fence}\n`
const draft = `${fence}js\ndraft()\n${fence}\n`

describe('thoughts of which only the end is seen', () => {
  test.each([
    ['with a draft in a block', `Let me try:\n${draft}That will do.\n</think>\n\n${real}`],
    ['with the file named before the draft', `src/a.js\n${draft}Done.\n</think>\n${real}`],
    ['with several drafts', `${draft}No.\n${draft}Better.\n</think>\n${real}`],
    ['that end behind a sentence', `A draft:\n${draft}That will do.</think>\n${real}`],
    ['that end before a fence on the same line', `Hm.\n${draft}</think>${real}`],
    ['with a draft whose fence never closes', `Maybe\n${fence}js\ndraft()\n</think>\n${real}`],
    ['with line ends of Windows', `Hm:\n${draft}</think>\n${real}`.replaceAll('\n', '\r\n')],
    ['in another spelling', `Hm:\n${draft}</thinking>\n${real}`],
    ['in brackets', `Hm:\n${draft}[/THINK]\n${real}`],
    ['twice', `Hm:\n${draft}</think>\nWait.\n${draft}</think>\n${real}`],
    ['with a draft in tildes', `Hm:\n~~~js\ndraft()\n~~~\n</think>\n${real}`],
  ])('hold no file: %s', (_, answer) => {
    expect(extractBlocks(answer).map(({ text }) => text)).toEqual(['real()'])
  })

  test.each([
    ['with a draft and nothing behind them', `${draft}</think>\n`],
    ['with a draft and a sentence behind them', `${draft}</think>\nI cannot do that.`],
  ])('leave nothing: %s', (_, answer) => {
    expect(extractBlocks(answer)).toEqual([])
  })

  test.each([
    ['on a line of its own', 'const s = `\n</think>\n`\nlog(s)'],
    ['in a string', "text.replace('</think>', '')"],
    ['in a comment', 'real() // up to </think>'],
    ['twice', '</think>\nreal()\n</think>'],
  ])('are not meant by a mark in the written file: %s', (_, text) => {
    expect(extractBlocks(`src/a.js\n${fence}js\n${text}\n${fence}\n`)).toEqual([
      { path: 'src/a.js', language: 'js', text },
    ])
  })

  test('are not meant by words about the mark behind the file', () => {
    const answer = `${real}It removes the mark \`</think>\` from texts.\n`
    expect(extractBlocks(answer).map(({ text }) => text)).toEqual(['real()'])
  })
})

describe('a block that is closed with fewer signs than it was opened with', () => {
  const block = (open: string, text: string, close: string) => `${open}\n${text}\n${close}\n`
  test.each<[string, string, readonly string[]]>([
    ['with words behind it', `${block('````js', 'a', '```')}Hope this helps.\n`, ['a']],
    ['at the end', block('````js', 'a', '```'), ['a']],
    ['of tildes', `${block('~~~~js', 'a', '~~~')}Done.\n`, ['a']],
    ['of five', `${block('`````js', 'a', '````')}Done.\n`, ['a']],
    [
      'and another one that is closed rightly',
      `${block('````js', 'a', '```')}And:\n${block('````js', 'b', '````')}`,
      ['a', 'b'],
    ],
    [
      'and another one like it',
      `${block('````js', 'a', '```')}src/b.js\n${block('````js', 'b', '```')}Done.\n`,
      ['a', 'b'],
    ],
    [
      'around Markdown with a block of its own',
      `README.md\n${block('````markdown', '# T\n```js\nlet a\n```\nend', '```')}Done.\n`,
      ['# T\n```js\nlet a\n```\nend'],
    ],
    [
      'around Markdown with a block without a language',
      `README.md\n${block('````markdown', '# T\n```\nlet a\n```\nend', '```')}Done.\n`,
      ['# T\n```\nlet a\n```\nend'],
    ],
  ])('ends there: %s', (_, answer, want) => {
    expect(extractBlocks(answer).map(({ text }) => text)).toEqual(want)
  })

  test.each([
    ['code', 'src/a.js', '````js', 'const s = `\n```\n`'],
    ['Markdown', 'README.md', '````markdown', '# T\n```\nout\n```\nend\n```js\na\n```'],
  ])(
    'keeps the shorter fences that stand in %s, when its own end is there',
    (_, path, open, text) => {
      const answer = `${path}\n${block(open, text, '````')}Done.\n`
      expect(extractBlocks(answer).map((one) => one.text)).toEqual([text])
    },
  )
})
