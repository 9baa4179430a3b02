// `guild try` on real checkouts with a real sandbox process: what it leaves when the work is not
// Done, which is nothing.
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { noScript } from '../../rehearsal/answer.ts'
import { closedEndpoint } from '../../test/support/rehearsal.ts'
import { makeCheckout } from '../../test/support/checkout.ts'
import {
  aloneWithGit,
  answers,
  bad,
  coding,
  fenced,
  good,
  manifest,
  patience,
  request,
  run,
  shown,
  specText,
  tried,
} from '../../test/support/guild-try.ts'
import { keepsSilent, refuses, startScriptedOllama } from '../../test/support/scripted-model.ts'

aloneWithGit()

describe('every other verdict leaves checkout and git directory byte for byte as they were', () => {
  const project = { 'package.json': manifest, 'src/slug.js': bad, 'test/slug.test.js': specText }

  test.each([
    [
      'ChecksFailed',
      { reason: 'ChecksFailed' },
      project,
      () => fenced('src/slug.js', bad.replace('text\n', '1\n')),
      coding('npm test'),
    ],
    [
      'ChecksFailed',
      { reason: 'OutputUnusable' },
      project,
      () => 'I am sorry.',
      coding('npm test'),
    ],
    ['AlreadyDone', undefined, { ...project, 'src/slug.js': good }, () => '', coding('npm test')],
    [
      'Unchecked',
      undefined,
      { 'package.json': manifest },
      answers(fenced('page.svg', '<svg xmlns="http://www.w3.org/2000/svg"></svg>\n')),
      ['--goal', 'Draw page.svg', '--files', 'page.svg'],
    ],
    [
      'Refused',
      { reason: 'Unsupported' },
      { ...project, 'src/slug.js': Buffer.from([0x2f, 0x2f, 0xe9, 0x0a]) },
      () => '',
      coding('npm test'),
    ],
  ] as const)('%s, %o', patience, async (verdict, failure, files, answering, args) => {
    const checkout = makeCheckout(files)
    const before = checkout.state()
    const { result, code, stderr } = await tried(checkout, answering, args)
    expect(checkout.state()).toEqual(before)
    expect(result?.verdict).toBe(verdict)
    if (failure === undefined) expect(result?.failure).toBeUndefined()
    else expect(result?.failure).toMatchObject(failure)
    expect(code).toBe(1)
    if (result?.diff === '') return
    // The work is not lost.
    const file = /it is in (\S+\.diff)\./.exec(result?.warnings.join('\n') ?? '')?.[1] ?? ''
    expect(readFileSync(file, 'utf8')).toBe(result?.diff)
    expect(stderr).toContain(`apply ${file}`)
  })

  test.each([
    ['the whole chain', ['--goal', request], 3],
    ['the whole chain on files', ['--goal', request, '--files', 'src/slug.js'], 1],
    ['one specialist', coding('npm test'), 1],
  ])('a server that refuses the question, in its words: %s', patience, async (_, args, want) => {
    const checkout = makeCheckout(project)
    const { result, code, asked } = await tried(checkout, () => refuses(400, noScript), args)
    expect(result).toMatchObject({ verdict: 'Refused', failure: { reason: 'ModelRefused' } })
    expect(result?.failure?.message).toContain(noScript)
    expect(asked).toHaveLength(want)
    expect(code).toBe(1)
  })

  test('code that is there already', patience, async () => {
    const checkout = makeCheckout({ 'package.json': manifest, 'src/slug.js': good })
    const { result, code, stderr } = await tried(checkout, answers(''), [
      '--goal',
      request,
      '--files',
      'src/slug.js',
    ])
    expect(result).toMatchObject({ verdict: 'ChecksFailed', failure: { reason: 'ChecksFailed' } })
    expect(result?.failure?.message).toContain('src/slug.js may do this already')
    expect(result?.failure?.remedy).toContain('Look whether the code does it already')
    expect(result?.failure?.remedy).not.toContain('stronger model')
    expect(result?.tries).toHaveLength(2)
    expect(code).toBe(1)
    expect(stderr).toContain('as it was')
  })

  test('what the person writes meanwhile is not written over', patience, async () => {
    const checkout = makeCheckout(project)
    const { result, code } = await tried(
      checkout,
      () => {
        checkout.write({ 'src/slug.js': '// mine\n' })
        return fenced('src/slug.js', good)
      },
      coding('npm test'),
    )
    expect(result).toMatchObject({ verdict: 'Refused', failure: { reason: 'Conflict' } })
    expect(code).toBe(1)
    expect(checkout.read('src/slug.js')).toBe('// mine\n')
  })

  test('an end of the time, while the model says nothing', patience, async () => {
    const checkout = makeCheckout(project)
    const before = checkout.state()
    const { result, code } = await tried(checkout, () => keepsSilent, [
      ...coding('npm test'),
      '--timeout',
      '6',
    ])
    expect(result).toMatchObject({
      verdict: 'ChecksFailed',
      failure: { reason: 'TimedOut' },
    })
    expect(code).toBe(1)
    expect(checkout.state()).toEqual(before)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s, with all children gone',
    patience,
    async (name) => {
      const checkout = makeCheckout(project)
      const before = checkout.state()
      const tmp = mkdtempSync(join(realpathSync(tmpdir()), 'try-tmp-'))
      onTestFinished(() => rmSync(tmp, { recursive: true, force: true }))
      let sent = false
      let seen = 0
      const { code, stdout, stderr } = await tried(
        checkout,
        () => keepsSilent,
        coding('npm test'),
        {
          env: { TMPDIR: tmp },
          onText: (text, kill) => {
            if (sent || !text.includes('try 1: writing')) return
            sent = true
            seen = readdirSync(tmp).length
            kill(name)
          },
        },
      )
      expect([code, stdout, seen]).toEqual([130, '', 1])
      expect(stderr).not.toContain('defect')
      expect(checkout.state()).toEqual(before)
      const left = globSync('/proc/[0-9]*/environ').filter((file) => {
        try {
          return readFileSync(file, 'utf8').includes(`TMPDIR=${tmp}/`)
        } catch {
          return false
        }
      })
      expect(readdirSync(tmp)).toEqual([])
      expect(left).toEqual([])
    },
  )
})

describe('the model server, in the words of guild plan', () => {
  const project = { 'package.json': manifest, 'test/slug.test.js': specText }

  test('cannot be reached', patience, async () => {
    const checkout = makeCheckout(project)
    const before = checkout.state()
    const { code, stdout, stderr } = await run([
      '--repo',
      checkout.root,
      '--ollama',
      closedEndpoint,
      '--model',
      'm',
      '--json',
      ...coding('npm test'),
    ])
    expect(stderr).toMatch(/cannot be used: connect ECONNREFUSED[\s\S]*next: ollama serve/)
    expect(shown.parse(JSON.parse(stdout))).toMatchObject({
      failure: { reason: 'ModelUnavailable' },
    })
    expect(code).toBe(1)
    expect(checkout.state()).toEqual(before)
  })

  test(
    'is named once when nobody chose it, and not at all when somebody did',
    patience,
    async () => {
      const checkout = makeCheckout({ ...project, 'src/slug.js': bad })
      await using ollama = await startScriptedOllama(() => fenced('src/slug.js', good))
      const args = ['--ollama', ollama.endpoint, '--sandbox', 'process', ...coding('npm test')]
      const unnamed = await run(['--repo', checkout.root, ...args])
      expect(unnamed.stderr.match(/working with coder:7b/g)).toHaveLength(1)
      checkout.git('checkout', '--quiet', '--', '.')
      const named = await run(['--repo', checkout.root, '--model', 'coder:7b', ...args])
      expect(named.stderr).not.toContain('working with')
    },
  )

  test('does not hold the model', patience, async () => {
    const checkout = makeCheckout(project)
    await using ollama = await startScriptedOllama(() => '')
    const { code, stdout, stderr } = await run([
      '--repo',
      checkout.root,
      '--ollama',
      ollama.endpoint,
      '--model',
      'nope:7b',
      ...coding('npm test'),
    ])
    expect(stderr).toContain('does not hold the model nope:7b; it holds coder:7b')
    expect(stderr).toContain('next: ollama pull nope:7b')
    expect([code, stdout, ollama.asked]).toEqual([1, '', []])
  })
})

describe('what is refused costs no question', () => {
  const project = { 'package.json': manifest, 'src/slug.js': bad, 'test/slug.test.js': specText }

  test.each<[string, Record<string, string>, readonly string[], RegExp]>([
    ['code', { 'src/slug.js': '// mine\n' }, coding('npm test'), /src\/slug\.js has changes/],
    [
      'a deciding test',
      { 'test/slug.test.js': '// mine\n' },
      coding('npm test'),
      /test\/slug\.test\.js has changes/,
    ],
    [
      'the README of a request about documents',
      { 'README.md': '# mine\n' },
      ['--goal', `${request} Describe it in the README.`, '--files', 'src/slug.js'],
      /README\.md is there and in no commit/,
    ],
    [
      'a test that would be written',
      { 'test/slug-2.test.js': '// mine\n' },
      ['--goal', request, '--files', 'src/slug.js'],
      /test\/slug-2\.test\.js is there and in no commit/,
    ],
  ])('%s with changes that are in no commit', patience, async (_, changes, args, want) => {
    const checkout = makeCheckout(project)
    checkout.write(changes)
    const before = checkout.state()
    const { code, result, stderr, asked } = await tried(checkout, () => '', args)
    expect(result).toMatchObject({ verdict: 'Refused', failure: { reason: 'Unsupported' } })
    expect(result?.failure?.message).toMatch(want)
    expect(stderr).toMatch(/error: nothing was tried[\s\S]*next: git -C /)
    expect([code, asked]).toEqual([1, []])
    expect(checkout.state()).toEqual(before)
  })

  test.each<[string, Record<string, string>, string, RegExp]>([
    [
      'the only file',
      { 'src/new.js': '// mine\n' },
      'Add src/new.js that exports one().',
      /src\/new\.js is there/,
    ],
    [
      'a file that is there, changed',
      { 'src/slug.js': '// mine\n' },
      'Make src/slug.js lower the case.',
      /src\/slug\.js has changes/,
    ],
    [
      'one of two new ones',
      { 'src/b.js': '// mine\n' },
      'Add src/a.js that exports a() and src/b.js that exports b().',
      /src\/b\.js is there/,
    ],
    [
      'the README of a request about documents',
      { 'README.md': '# mine\n' },
      'Add src/new.js that exports one(). Describe it in the README.',
      /README\.md is there/,
    ],
  ])('%s that the request names, without --files', patience, async (_, changes, goal, want) => {
    const checkout = makeCheckout(project)
    checkout.write(changes)
    const { code, result, asked } = await tried(checkout, () => '', ['--goal', goal])
    expect(result?.failure?.message).toMatch(want)
    expect([code, asked]).toEqual([1, []])
  })

  test('a container that cannot be had', patience, async () => {
    const checkout = makeCheckout(project)
    const bin = mkdtempSync(join(realpathSync(tmpdir()), 'bin-'))
    for (const engine of ['docker', 'podman'])
      writeFileSync(join(bin, engine), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`)
    await using ollama = await startScriptedOllama(() => '')
    const server = ['--ollama', ollama.endpoint, '--sandbox', 'container', '--json']
    const { code, stdout, stderr } = await run([
      '--repo',
      checkout.root,
      ...server,
      '--goal',
      request,
    ])
    const { failure } = shown.parse(JSON.parse(stdout))
    expect(failure).toMatchObject({ reason: 'Unsupported' })
    expect(stderr).toMatch(/next: docker info .* --sandbox process/)
    expect([code, ollama.asked]).toEqual([1, []])
  })

  test.each<[string, string]>([
    ['src', 'src/slug.js'],
    ['test', 'test/slug.js'],
    ['empty', 'empty/slug.js'],
    ['src/slug.js,src', 'src/slug.js'],
  ])('--files %s names a folder, and not a file', patience, async (files, example) => {
    const checkout = makeCheckout(project)
    mkdirSync(join(checkout.root, 'empty'))
    const { code, stderr, asked } = await tried(checkout, () => '', [
      '--goal',
      'x',
      '--files',
      files,
    ])
    expect(stderr).toMatch(/--files \w+ is a folder; it takes the files to write/)
    expect(stderr).toContain(`next: guild try … --files ${example}\n`)
    expect(stderr).not.toContain('stash')
    expect([code, asked]).toEqual([2, []])
  })

  test.each<[readonly string[], RegExp]>([
    [['--goal', ' '], /--goal is empty/],
    [['--goal', 'x', '--files', '../x.js'], /--files \.\.\/x\.js/],
    [['--goal', 'x', '--type', 'coding', '--test', 'make'], /--test "make" cannot decide/],
    [
      [
        '--goal',
        'x',
        '--type',
        'coding',
        '--test',
        'test/slug.test.js',
        '--files',
        'test/slug.test.js',
      ],
      /cannot be written: --test names it/,
    ],
    [['--goal', 'x', '--timeout', 'soon'], /write it as in 30s/],
    [['--goal', 'x', '--attempts', '0'], /from 1 to 5/],
    [['--goal', 'x', '--seed', '1'], /unknown option/],
    [['--goal', 'x', '--context', '12'], /are the least/],
  ])('%j is a mistake of usage', patience, async (args, want) => {
    const checkout = makeCheckout(project)
    const { code, stdout, stderr, asked } = await tried(checkout, () => '', args)
    expect(stderr).toMatch(want)
    expect([code, stdout, asked]).toEqual([2, '', []])
  })
})
