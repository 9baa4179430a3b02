// A person's git checkout for unit tests, and whether anything in it is other than before.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface TestCheckout {
  readonly root: string
  readonly git: (...args: string[]) => string
  write(files: Readonly<Record<string, string | Buffer>>): void
  commit(): void
  /** Every entry, `.git` included, with its kind, mode and content. */
  state(): ReadonlyMap<string, string>
  /** The same without `.git`. */
  tree(): ReadonlyMap<string, string>
  read(path: string): string
}

const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com']
/** Nothing of the machine's own settings decides. */
export const gitAlone = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }

/**
 * Makes a checkout whose one commit holds `files`; a value that begins with `-> ` is a link. Gone
 * after the test.
 */
export function makeCheckout(
  files: Readonly<Record<string, string | Buffer>>,
  { bare = false, config = {} }: { bare?: boolean; config?: Record<string, string> } = {},
): TestCheckout {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'checkout-')))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const git = (...args: string[]): string =>
    execFileSync('git', [...identity, ...args], {
      cwd: root,
      env: { ...process.env, ...gitAlone },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  git('init', '--quiet', '--initial-branch=main', ...(bare ? ['--bare'] : []))
  for (const [key, value] of Object.entries(config)) git('config', key, value)
  const checkout: TestCheckout = {
    root,
    git,
    write(entries) {
      for (const [path, content] of Object.entries(entries)) {
        const at = join(root, path)
        mkdirSync(dirname(at), { recursive: true })
        if (typeof content === 'string' && content.startsWith('-> '))
          symlinkSync(content.slice(3), at)
        else writeFileSync(at, content)
      }
    },
    commit() {
      git('add', '--all')
      git('commit', '--quiet', '--no-verify', '-m', 'Begin')
    },
    state: () => entriesIn(root, ''),
    tree: () => new Map([...entriesIn(root, '')].filter(([path]) => !path.startsWith('.git/'))),
    read: (path) => readFileSync(join(root, path), 'utf8'),
  }
  if (Object.keys(files).length > 0) {
    checkout.write(files)
    checkout.commit()
  }
  return checkout
}

function entriesIn(root: string, folder: string): Map<string, string> {
  const entries = new Map<string, string>()
  for (const name of readdirSync(join(root, folder)).toSorted()) {
    const path = folder === '' ? name : `${folder}/${name}`
    const at = join(root, path)
    const { mode } = lstatSync(at)
    const kind = lstatSync(at)
    if (kind.isDirectory()) {
      entries.set(`${path}/`, mode.toString(8))
      for (const [below, state] of entriesIn(root, path)) entries.set(below, state)
    } else {
      const content = kind.isSymbolicLink() ? readlinkSync(at) : readFileSync(at)
      const hash = createHash('sha256').update(content).digest('hex')
      entries.set(path, `${mode.toString(8)} ${hash}`)
    }
  }
  return entries
}
