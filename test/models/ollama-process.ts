import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { streamLog } from '../../hack/cluster/log.ts'
import { loadModel } from '../../hack/images/load-model.ts'
import { ensureOllama } from '../../hack/images/ollama-source.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'

/** Ollama as a process of this machine, on a free port of loopback, with a store of its own. */
export interface RealOllama extends AsyncDisposable {
  readonly endpoint: string
}

/**
 * Starts Ollama from the directory that it was built into, for so many calls at once; its store
 * goes with it.
 */
export async function startOllama(directory: string, parallel = 1): Promise<RealOllama> {
  const home = await mkdtemp(join(tmpdir(), 'ollama-'))
  const child: ChildProcess = spawn(join(directory, 'ollama'), ['serve'], {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      OLLAMA_HOST: '127.0.0.1:0',
      OLLAMA_NO_CLOUD: '1',
      OLLAMA_NUM_PARALLEL: String(parallel),
      OLLAMA_MODELS: join(home, 'models'),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stop = async () => {
    if (child.exitCode === null && child.pid !== undefined) {
      // Asked to end, for it ends the processes that hold its models, which a killed one leaves
      // behind.
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    await rm(home, { recursive: true })
  }
  try {
    const port = await new Promise<string>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => reject(new Error('Ollama ended before it listened')))
      // Read to the end, or it would stop when the pipe is full.
      if (child.stderr !== null) {
        createInterface({ input: child.stderr }).on('line', (line) => {
          const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
          if (found !== undefined) resolve(found)
        })
      }
    })
    return { endpoint: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The smallest real model that can be had without a model registry. */
export const smallModel = 'smollm2:135m'

/**
 * The real Ollama as a process of this machine, with the small model in it, for so many calls at
 * once.
 */
export async function startSmallModel(atOnce: number): Promise<RealOllama> {
  const log = streamLog()
  const server = await startOllama(await ensureOllama({ log }), atOnce)
  const { path } = await ensureSmolLM2({ log })
  await loadModel({ ollamaUrl: server.endpoint, path, name: smallModel, threads: 2, log })
  return server
}
