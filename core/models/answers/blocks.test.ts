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
