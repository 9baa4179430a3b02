// Documentation writes the files of its task and no other, and keeps what it finds.
import { describe, expect, test, vi } from 'vitest'
import {
  document,
  documentsOf,
  regionEnd,
  regionStart,
  withRegion,
} from '../../agent-image/agent/pipelines/document.ts'
import { forge, goodCode, runPipeline } from '../support/agent/pipeline-fixture.ts'

vi.setConfig({ testTimeout: 60_000 })
const later = { 'src/slug.js': goodCode }
const prose = 'README.md\n```markdown\nCall `slugify` to make a slug.\n```\n'
const run = async (files: Record<string, string>, named: string[] = []) => {
  const { outcome } = await runPipeline(document, 'document', files, [prose], {
    later,
    overrides: { files: named },
  })
  const commit = outcome.commit ?? ''
  const written =
    commit === '' ? [] : forge.git('diff', '--name-only', 'guild/req', commit).trim().split('\n')
  return {
    outcome,
    written,
    text: (path: string) => forge.git('cat-file', 'blob', `${commit}:${path}`),
  }
}

describe('which documents are written', () => {
  test.each<[string, string[], string[], string[]]>([
    ['the one that the task names', ['docs/usage.md'], ['README.md'], ['docs/usage.md']],
    ['several', ['docs/a.md', 'docs/b.markdown'], [], ['docs/a.md', 'docs/b.markdown']],
    ['the README that is there', [], ['readme.md'], ['readme.md']],
    [
      'a README in other letters, though the task says README.md',
      ['README.md'],
      ['Readme.md'],
      ['Readme.md'],
    ],
    ['a README without an ending', [], ['README'], ['README']],
    ['the Markdown one of two', [], ['README.rst', 'README.md'], ['README.md']],
    ['a new README', [], ['docs/README.md'], ['README.md']],
    ['a README deeper down that is named', ['docs/README.md'], ['README.md'], ['docs/README.md']],
    ['code beside it is none', ['src/slug.js', 'docs/a.md'], [], ['docs/a.md']],
    ['only code is none', ['src/slug.js'], ['README.md'], ['README.md']],
  ])('%s', (_what, named, files, want) => {
    expect(documentsOf(named, files)).toEqual({ targets: want })
  })

  test.each([
    [[], ['README.rst'], 'README.rst is not a Markdown file'],
    [[], ['readme.txt'], 'readme.txt is not a Markdown file'],
    [['README.md'], ['README.adoc'], 'a second README would contradict it'],
    [['docs/usage.rst'], [], 'docs/usage.rst is not a Markdown file'],
  ])('named %j beside %j is refused by name', (named, files, want) => {
    const found = documentsOf(named, files)
    expect('refusal' in found && found.refusal).toContain(want)
  })

  test('writes what the task names and leaves the README alone', async () => {
    const { outcome, written } = await run({ 'README.md': '# x\n' }, ['docs/usage.md'])
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['docs/usage.md'] })
    expect(written).toEqual(['docs/usage.md'])
  })

  test('makes no second README', async () => {
    expect((await run({ 'readme.md': '# x\n' })).written).toEqual(['readme.md'])
    const other = await run({ 'README.rst': 'x\n=\n' })
    expect(other.outcome).toMatchObject({ verdict: 'Refused', failure: { reason: 'Unsupported' } })
    expect(other.written).toEqual([])
  })
})

describe('what is kept', () => {
  const region = `${regionStart}\nnew\n${regionEnd}`
  test.each([
    ['nothing but text', '# x\n', `# x\n\n${region}\n`],
    ['text without an end', '# x', `# x\n\n${region}\n`],
    ['blank lines at the end', '# x\n\n\n', `# x\n\n\n${region}\n`],
    ['a region', `a\n${regionStart}\nold\n${regionEnd}\nb\n`, `a\n${region}\nb\n`],
    [
      'marks in the wrong order',
      `${regionEnd}\nmine\n${regionStart}\nmine\n`,
      `${regionEnd}\nmine\n${regionStart}\nmine\n\n${region}\n`,
    ],
    ['a start without an end', `${regionStart}\nmine\n`, `${regionStart}\nmine\n\n${region}\n`],
    ['an end without a start', `mine\n${regionEnd}\n`, `mine\n${regionEnd}\n\n${region}\n`],
    [
      'two regions',
      `${regionStart}\na\n${regionEnd}\nmine\n${regionStart}\nb\n${regionEnd}\n`,
      `${regionStart}\na\n${regionEnd}\nmine\n${region}\n`,
    ],
    [
      'a mark within a sentence',
      `see \`${regionStart}\` and ${regionEnd} here\n`,
      `see \`${regionStart}\` and ${regionEnd} here\n\n${region}\n`,
    ],
  ])('%s', (_what, before, want) => {
    expect(withRegion(before, 'new')).toBe(want)
    // And writing the same again changes nothing.
    expect(withRegion(want, 'new')).toBe(want)
  })

  test('line ends, byte order mark and everything outside of the region', async () => {
    const { outcome, text } = await run({ 'README.md': '\uFEFF# T\r\n\r\nMine.\r\n' })
    expect(outcome.verdict).toBe('Done')
    const now = text('README.md')
    expect(now.startsWith('\uFEFF# T\r\n\r\nMine.\r\n\r\n<!-- guildhall')).toBe(true)
    expect(now.replaceAll('\r\n', '')).not.toContain('\n')
  })
})

test('takes no property of every object for a script', async () => {
  const invented = 'README.md\n```markdown\nUse `npm run constructor` now.\n```\n'
  const { outcome } = await runPipeline(document, 'document', {}, [invented], { later })
  expect(outcome.notes?.join()).toContain('npm run constructor')
})
