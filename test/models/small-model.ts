import { streamLog } from '../../hack/cluster/log.ts'
import { loadModel } from '../../hack/images/load-model.ts'
import { ensureOllama } from '../../hack/images/ollama-source.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'
import { startOllama, type RealOllama } from './ollama-process.ts'

/** The smallest real model that can be had without a model registry. */
export const smallModel = 'smollm2:135m'

/** The real Ollama as a process of this machine, with the small model in it, for so many calls at once. */
export async function startSmallModel(atOnce: number): Promise<RealOllama> {
  const log = streamLog()
  const server = await startOllama(await ensureOllama({ log }), atOnce)
  const { path } = await ensureSmolLM2({ log })
  await loadModel({ ollamaUrl: server.endpoint, path, name: smallModel, threads: 2, log })
  return server
}
