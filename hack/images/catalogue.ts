import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../cluster/log.ts'
import type { BaseKind } from './base-image.ts'
import { bundlePrograms } from './bundle.ts'
import { fileInputs, type HashInput, listFiles } from './content-hash.ts'
import type { ImageName } from './image-names.ts'
import { ensureOllama, ollamaRecipe, ollamaVersion } from './ollama-source.ts'
import { operatorInputs, stageOperator, writeInputs } from './operator-stage.ts'
import { repository } from './repository.ts'

/** What filling a build context is told. */
interface StageOptions {
  /** Whether the image starts from a base made on this machine rather than from a published one. */
  readonly localBase: boolean
  readonly log: Log
  readonly signal?: AbortSignal
}

/** How one image is made. */
export interface ImageRecipe {
  /** Relative to the repository. */
  readonly dockerfile: string
  /** The published image that the Dockerfile starts from unless told otherwise. */
  readonly publishedBase: string
  /** What it starts from where that one cannot be had. */
  readonly localBase: BaseKind
  /** Everything beside the Dockerfile and the base that decides the content; cheap enough for every run. */
  readonly inputs: () => Promise<readonly HashInput[]>
  /** Fills an empty directory with what the Dockerfile copies. */
  readonly stage: (directory: string, options: StageOptions) => Promise<void>
}

/** What images with a program of ours start from, where a registry is reached. */
export const publishedNode = 'node:24-bookworm-slim'

/** The recipes of all images. */
export const recipes: Readonly<Record<ImageName, ImageRecipe>> = {
  operator: {
    dockerfile: 'operator/Dockerfile',
    publishedBase: publishedNode,
    localBase: 'node',
    inputs: operatorInputs,
    stage: stageOperator,
  },
  agent: bundled('agent-image/Dockerfile', agentFiles),
  rehearsal: bundled('hack/images/rehearsal.Dockerfile', rehearsalFiles),
  ollama: {
    dockerfile: 'hack/images/ollama.Dockerfile',
    publishedBase: `ollama/ollama:${ollamaVersion}`,
    localBase: 'debian',
    inputs: async () => [{ name: 'recipe', content: await ollamaRecipe() }],
    stage: stageOllama,
  },
}

/** A recipe whose context is nothing but files that are quick to make anew, so they are their own inputs. */
function bundled(dockerfile: string, files: () => Promise<readonly HashInput[]>): ImageRecipe {
  return {
    dockerfile,
    publishedBase: publishedNode,
    localBase: 'node',
    inputs: files,
    stage: async (directory) => writeInputs(directory, await files()),
  }
}

async function agentFiles(): Promise<readonly HashInput[]> {
  const programs = await bundlePrograms({
    agent: 'agent-image/agent/main.ts',
    sandbox: 'agent-image/sandbox/main.ts',
  })
  const init = await fileInputs(join(repository, 'agent-image/sandbox'), ['sandbox-init.py'])
  return [
    ...programs,
    ...init,
    ...(await directoryInputs('agent-image/sandbox', 'programs')),
    moduleType,
  ]
}

async function rehearsalFiles(): Promise<readonly HashInput[]> {
  const programs = await bundlePrograms({ rehearsal: 'rehearsal/main.ts' })
  return [...programs, ...(await directoryInputs('rehearsal', 'scripts')), moduleType]
}

// The bundles are ES modules; without this Node would have to guess that from their text.
const moduleType: HashInput = { name: 'package.json', content: '{ "type": "module" }\n' }

async function directoryInputs(parent: string, directory: string): Promise<readonly HashInput[]> {
  const paths = await listFiles(
    join(repository, parent, directory),
    (path) => !/\.test\.\w+$/.test(path),
  )
  return fileInputs(
    join(repository, parent),
    paths.map((path) => `${directory}/${path}`),
  )
}

async function stageOllama(
  directory: string,
  { localBase, log, signal }: StageOptions,
): Promise<void> {
  await mkdir(join(directory, 'rootfs/usr/bin'), { recursive: true })
  if (!localBase) return
  const built = await ensureOllama({ log, ...(signal && { signal }) })
  await cp(join(built, 'ollama'), join(directory, 'rootfs/usr/bin/ollama'))
  await mkdir(join(directory, 'rootfs/usr/share/doc/ollama'), { recursive: true })
  await cp(join(built, 'LICENSE'), join(directory, 'rootfs/usr/share/doc/ollama/copyright'))
}
