// What a repository holds, as a test writes it down: text, other bytes, links, submodules, modes.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { z } from 'zod'
import { startForge, type TestForge } from '../support/agent/repository.ts'

/** One entry of a commit: its text, or a description of it. */
export const entry = z.union([
  z.string(),
  z.strictObject({
    /** Text in another encoding, or with line ends that YAML does not keep. */
    text: z.string().optional(),
    encoding: z.enum(['utf8', 'latin1', 'utf16le', 'base64']).default('utf8'),
    lineEnd: z.enum(['lf', 'crlf']).default('lf'),
    bom: z.boolean().default(false),
    /** Repeats the text so many times. */
    times: z.int().default(1),
    executable: z.boolean().default(false),
    /** The target of a symbolic link. */
    link: z.string().optional(),
    /** The commit of a submodule. */
    submodule: z.string().optional(),
  }),
])
type Entry = z.input<typeof entry>
export type Entries = Readonly<Record<string, Entry>>

const identity = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
}

/** The bytes of an entry that is a file. */
function bytesOf(value: Entry): Buffer {
  const one = entry.parse(value)
  if (typeof one === 'string') return Buffer.from(one, 'utf8')
  const text = (one.text ?? '').repeat(one.times)
  const ended = one.lineEnd === 'crlf' ? text.replaceAll('\n', '\r\n') : text
  const body = Buffer.from(ended, one.encoding)
  return one.bom ? Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]) : body
}

/**
 * A forge whose repository holds exactly `entries`, on `main` and on the request's branch; no work
 * tree is involved.
 */
export async function forgeWith(entries: Entries, token: string): Promise<TestForge> {
  const forge = await startForge({}, token)
  const directory = forge.git('rev-parse', '--absolute-git-dir').trim()
  const env = {
    ...process.env,
    ...identity,
    GIT_DIR: directory,
    GIT_INDEX_FILE: join(directory, 'entries'),
  }
  const git = (args: readonly string[], input?: Buffer | string): string =>
    execFileSync('git', args, { env, ...(input === undefined ? {} : { input }) })
      .toString()
      .trim()
  git(['read-tree', '--empty'])
  // Many files of one content are one blob, and starting git for each takes seconds.
  const blobs = new Map<string, string>()
  const blobOf = (content: Buffer): string => {
    const key = content.toString('base64')
    const known = blobs.get(key) ?? git(['hash-object', '-w', '--stdin'], content)
    blobs.set(key, known)
    return known
  }
  const lines: string[] = []
  for (const [path, value] of Object.entries(entries)) {
    const one = entry.parse(value)
    const rest = typeof one === 'string' ? undefined : one
    if (rest?.submodule !== undefined) {
      lines.push(`160000 ${rest.submodule}\t${path}\0`)
      continue
    }
    const content = rest?.link === undefined ? bytesOf(value) : Buffer.from(rest.link)
    const mode = rest?.link !== undefined ? '120000' : rest?.executable ? '100755' : '100644'
    lines.push(`${mode} ${blobOf(content)}\t${path}\0`)
  }
  git(['update-index', '-z', '--add', '--index-info'], lines.join(''))
  const commit = git(['commit-tree', git(['write-tree']), '-m', 'Begin'])
  for (const branch of ['main', 'guild/req'])
    forge.git('update-ref', `refs/heads/${branch}`, commit)
  return { ...forge, base: commit }
}
