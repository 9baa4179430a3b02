// What project code can leave in the folder that it works in, and what the harness makes of it. As
// one user, and as two.
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectSandbox, type Sandbox } from '../../agent-image/agent/sandbox-client.ts'
import { openWorkspace, type Workspace } from '../../agent-image/agent/workspace/workspace.ts'
import { assignmentFor } from '../support/agent/assignment.ts'
import { startPod, type TestPod } from '../support/agent/processes.ts'
import { startForge, type TestForge } from '../support/agent/repository.ts'

vi.setConfig({ testTimeout: 60_000 })
const token = 'sesame'
const signal = AbortSignal.timeout(500_000)
const isRoot = process.getuid?.() === 0
const files = {
  'package.json': '{"type":"module"}\n',
  'src/a.js': 'export const a = 1\r\n',
  'src/b.js': 'export const b = 1\n',
  '.gitattributes': '*.js text eol=lf ident filter=evil diff=evil merge=evil\n*.md text eol=crlf\n',
  'README.md': '# One\n',
  'run.sh': '#!/bin/sh\n',
}

describe.each(isRoot ? [false, true] : [false])('with two users: %s', (twoUsers) => {
  let pod: TestPod
  let forge: TestForge
  let sandbox: Sandbox
  let workspace: Workspace
  let outside: string

  beforeAll(async () => {
    // As in the agent's process: the sandbox's user shares the group.
    process.umask(0o002)
    pod = await startPod(token, { twoUsers })
    forge = await startForge(files, token)
    addOddEntries(forge)
    sandbox = connectSandbox(pod.socketPath)
  }, 30_000)
  afterAll(async () => {
    await pod.close()
    forge.close()
  })
  beforeEach(async () => {
    outside = mkdtempSync(join(tmpdir(), 'outside-'))
    mkdirSync(join(outside, 'precious'))
    writeFileSync(join(outside, 'precious/data'), 'x')
    const settings = {
      workspace: pod.workspace,
      gitRoot: pod.gitRoot,
      token: () => Promise.resolve(token),
      protocols: ['http'],
    }
    workspace = await openWorkspace(assignmentFor(forge, 'code'), settings, sandbox, { signal })
    await workspace.restore(new Map(), { signal })
  })
  afterEach(async () => {
    await workspace.close()
    rmSync(outside, { recursive: true, force: true })
  })

  const shell = async (script: string): Promise<string> => {
    const argv = ['sh', '-c', script]
    const run = await sandbox.exec({ argv, cwd: workspace.root, timeoutSeconds: 30 }, { signal })
    return run.stdout + run.stderr
  }
  const text = (path: string): string => readFileSync(join(workspace.root, path), 'utf8')

  test('lays files down byte for byte, whatever attributes say', async () => {
    for (const path of ['src/a.js', 'README.md'] as const) expect(text(path)).toBe(files[path])
    expect(await workspace.altered(Object.keys(files))).toEqual([])
  })

  test('makes links of those that stay inside, and small files of the others', () => {
    expect(text('inside.js')).toBe(files['src/a.js'])
    expect(lstatSync(join(workspace.root, 'inside.js')).isSymbolicLink()).toBe(true)
    for (const path of ['out.txt', 'absolute.txt', 'git-link'])
      expect(lstatSync(join(workspace.root, path)).isFile()).toBe(true)
  })

  test.each([
    [
      'a fifo, a socket and a locked folder',
      "mkfifo pipe; mkdir locked; touch locked/x; chmod 0 locked; node -e \"require('net').createServer().listen('sock', () => process.exit())\"",
    ],
    [
      'a folder that is deeper than a path may be long',
      'n=0; d=$(printf "d%.0s" $(seq 200)); while [ $n -lt 400 ]; do mkdir $d && cd -P $d 2>/dev/null || break; n=$((n+1)); done',
    ],
    ['links that go round', 'ln -s loop loop; mkdir x; ln -s .. x/up'],
    ['a name that is no UTF-8', 'touch "$(printf \'f\\377\\376\')"'],
    ['a folder in place of a file', 'rm package.json; mkdir package.json; touch package.json/x'],
    [
      'a git directory of its own',
      'git init -q . 2>/dev/null; mkdir -p .git; echo x > .git/config; echo y > .GIT',
    ],
    ['nothing at all', 'rm -rf ./* .gitattributes'],
  ])('is the same again after project code left %s', async (_what, script) => {
    await shell(script)
    await workspace.restore(new Map([['src/b.js', 'export const b = 2\n']]), { signal })
    const left = readdirSync(workspace.root).toSorted()
    expect(left).toEqual(
      [
        ...Object.keys(files).filter((path) => !path.includes('/')),
        'src',
        'vendor',
        'latin.js',
        'inside.js',
        'out.txt',
        'absolute.txt',
        'git-link',
      ].toSorted(),
    )
    expect(text('src/b.js')).toBe('export const b = 2\n')
    expect(await workspace.altered([...Object.keys(files), 'src/b.js'])).toEqual([])
  })

  test('works nowhere else when its own folder was replaced by a link', async () => {
    await shell(
      `cd /; mv ${workspace.root} ${workspace.root}-old; ln -s ${outside} ${workspace.root}`,
    )
    await shell(`cd /; d=$(dirname ${workspace.root}); mv $d $d-old; ln -s ${outside} $d`).catch(
      () => '',
    )
    expect(await workspace.altered(['src/a.js'])).toEqual(['src/a.js'])
    await workspace.restore(new Map([['src/new.js', '1\n']]), { signal })
    expect(readdirSync(outside, { recursive: true }).map(String).toSorted()).toEqual([
      'precious',
      'precious/data',
    ])
    expect(text('src/new.js')).toBe('1\n')
  })

  test('never writes through a link that stands where a file is to go', async () => {
    await shell(`rm -rf src; ln -s ${outside} src`)
    expect(await workspace.altered(['src/a.js'])).toEqual(['src/a.js'])
    await workspace.restore(new Map([['src/a.js', '2\n']]), { signal })
    expect(readdirSync(outside)).toEqual(['precious'])
  })

  test('runs no git that reads what project code wrote: filters, hooks, submodules, attributes', async () => {
    const proof = join(outside, 'ran')
    const run = `touch ${proof}; cat`
    await shell(`
      mkdir -p vendor/lib && cd vendor/lib && git init -q --template= . 2>/dev/null
      printf 'f filter=x\\n' > .gitattributes; echo a > f
      git -c user.name=x -c user.email=x@x add . ; git -c user.name=x -c user.email=x@x commit -qm x
      printf '[core]\\n\\trepositoryformatversion = 0\\n\\tfsmonitor = "${run}"\\n[filter "x"]\\n\\tclean = "${run}"\\n\\tsmudge = "${run}"\\n' > .git/config
      echo b > f; cd ../..
      printf '[core]\\n\\thooksPath = hooks\\n[filter "evil"]\\n\\tclean = "${run}"\\n' > .gitconfig
      printf '* filter=x\\n' >> .gitattributes`)
    await workspace.altered(Object.keys(files))
    await workspace.restore(new Map([['src/a.js', '2\n']]), { signal })
    const commit = await workspace.commit(new Map([['src/a.js', '2\n']]), 'Change\n', { signal })
    await workspace.diff(workspace.head, commit, { signal })
    expect(existsSync(proof)).toBe(false)
  })

  test('commits each file in the form that it had, and refuses by name what it cannot', async () => {
    const changes = new Map([
      ['src/a.js', 'export const a = 2\n'],
      ['run.sh', '#!/bin/sh\ntrue\n'],
    ])
    const commit = await workspace.commit(changes, 'Change\n', { signal })
    await workspace.push(commit, { signal })
    expect(forge.git('cat-file', 'blob', `${commit}:src/a.js`)).toBe('export const a = 2\r\n')
    expect(forge.git('ls-tree', commit, 'run.sh')).toMatch(/^100755 /)
    expect(forge.git('diff', '--name-only', 'guild/req', commit).trim().split('\n')).toEqual([
      'run.sh',
      'src/a.js',
    ])
    for (const path of ['inside.js', 'vendor/lib', 'latin.js', 'inside.js/x', 'SRC/a.js'])
      await expect(
        workspace.commit(new Map([[path, 'x']]), 'No\n', { signal }),
      ).rejects.toMatchObject({
        reason: 'Unsupported',
        message: expect.stringContaining(path) as string,
      })
  })

  test('leaves nothing when it is closed', async () => {
    await shell('mkdir -m 0 locked; mkfifo pipe')
    await workspace.close()
    expect(readdirSync(pod.workspace)).toEqual([])
  })
})

/**
 * Links, a submodule, an executable and Latin-1, as other tools commit them, on the request's
 * branch.
 */
function addOddEntries(forge: TestForge): void {
  const directory = forge.git('rev-parse', '--absolute-git-dir').trim()
  const env = {
    ...process.env,
    GIT_DIR: directory,
    GIT_INDEX_FILE: join(directory, 'odd'),
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a',
  }
  const git = (args: readonly string[], input?: string | Buffer): string =>
    execFileSync('git', args, { env, ...(input === undefined ? {} : { input }) })
      .toString()
      .trim()
  git(['read-tree', 'guild/req'])
  const put = (mode: string, path: string, content: string | Buffer): void => {
    const oid = git(['hash-object', '-w', '--stdin'], content)
    git(['update-index', '--add', '--cacheinfo', `${mode},${oid},${path}`])
  }
  // `git add` would have changed its line ends, as the attributes say.
  put('100644', 'src/a.js', files['src/a.js'])
  put('120000', 'inside.js', 'src/a.js')
  put('120000', 'out.txt', '../../etc/passwd')
  put('120000', 'absolute.txt', '/etc/passwd')
  put('120000', 'git-link', 'src/../.git/config')
  put('100755', 'run.sh', files['run.sh'])
  put('100644', 'latin.js', Buffer.from('// caf\xe9\n', 'latin1'))
  git(['update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/lib`])
  const commit = git(['commit-tree', git(['write-tree']), '-p', 'guild/req', '-m', 'odd'])
  forge.integrate(commit)
}
