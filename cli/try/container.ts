// The agent image as a place for the project's code: which engine holds it, and what its container
// may do.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Abortable } from '../../core/base/wait.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** What a person types to have the image. */
const buildCommand = 'npm run -s images -- build agent'
/** As much as the chart gives a sandbox. */
const memory = '2g'

interface Image {
  readonly kind: 'image'
  readonly engine: 'docker' | 'podman'
  readonly reference: string
}

/** Why there is no container, as the end of a sentence, and the next command. */
export interface NoImage {
  readonly kind: 'none'
  readonly why: string
  readonly next: string
}

/** The image that is built from these sources, where an engine holds it; else why not. */
export async function findImage({ signal }: Abortable): Promise<Image | NoImage> {
  for (const engine of ['docker', 'podman'] as const) {
    // The format forces an answer of docker's server; podman has none, and another field for its
    // version.
    const info = engine === 'docker' ? ['info', '--format', '{{.ServerVersion}}'] : ['info']
    if (!(await answers(engine, info, signal))) continue
    const reference = await currentReference(engine, signal)
    const inspect = ['image', 'inspect', reference ?? '']
    if (reference !== undefined && (await answers(engine, inspect, signal)))
      return { kind: 'image', engine, reference }
    return {
      kind: 'none',
      why: `${engine} answers, and does not hold the agent image of this version; ${buildCommand} builds it`,
      next: buildCommand,
    }
  }
  // Without an engine no image can be built, either.
  return {
    kind: 'none',
    why: 'neither docker nor podman answers here',
    next: 'docker info   (or podman info: it says why the engine does not answer, once one is installed)',
  }
}

async function answers(
  engine: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const result = await execa(engine, [...args], {
    reject: false,
    stdio: 'ignore',
    timeout: 10_000,
    cancelSignal: signal,
  })
  signal.throwIfAborted()
  return !result.failed
}

/** The tag of an image is a hash of its sources, which the tool that builds images computes. */
async function currentReference(
  engine: Image['engine'],
  signal: AbortSignal,
): Promise<string | undefined> {
  const builder = engine === 'docker' ? 'docker' : 'buildah'
  const images = join(root, 'hack/images/main.ts')
  const args = [images, 'reference', 'agent', '--engine', builder]
  const result = await execa(process.execPath, args, { reject: false, cancelSignal: signal })
  signal.throwIfAborted()
  const reference = result.stdout?.trim()
  return result.failed || reference === '' ? undefined : reference
}

/**
 * What the container may do: run, and write its workspace, its socket and its own temporary files.
 */
export function containerArguments(
  { engine, reference }: Image,
  name: string,
  places: { readonly workspace: string; readonly run: string },
  socketPath: string,
  user: { readonly uid: number; readonly gid: number } = {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  },
): readonly string[] {
  const mounts = [places.workspace, places.run].flatMap((path) => ['--volume', `${path}:${path}:z`])
  return [
    'run',
    '--rm',
    '--name',
    name,
    '--pull',
    'never',
    '--network',
    'none',
    '--read-only',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
    '--memory',
    memory,
    '--memory-swap',
    memory,
    '--pids-limit',
    '512',
    // The files are the person's, so that they can be removed again.
    '--user',
    `${user.uid}:${user.gid}`,
    ...(engine === 'podman' && user.uid !== 0 ? ['--userns', 'keep-id'] : []),
    '--tmpfs',
    '/tmp:rw,mode=1777,size=1g',
    ...mounts,
    '--env',
    'HOME=/tmp',
    '--env',
    `GUILDHALL_SANDBOX_SOCKET=${socketPath}`,
    '--env',
    `GUILDHALL_WORKSPACE=${places.workspace}`,
    '--entrypoint',
    'node',
    reference,
    '--disable-sigusr1',
    '--enable-source-maps',
    '/app/sandbox.js',
  ]
}
