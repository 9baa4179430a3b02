import { buildahEngine } from './buildah.ts'
import { publishedNode } from './catalogue.ts'
import { succeeds } from './command.ts'
import { dockerEngine, dockerObtains } from './docker.ts'
import { chooseEngine, type Engine, type EngineName } from './engine.ts'

/** The engine to use: the wanted one, or the one that {@link chooseEngine} finds fit for this machine. */
export async function openEngine(
  wanted: EngineName | undefined,
  signal?: AbortSignal,
): Promise<Engine> {
  const name = wanted ?? (await findEngine(signal))
  return name === 'docker' ? dockerEngine() : buildahEngine()
}

async function findEngine(signal: AbortSignal | undefined): Promise<EngineName> {
  // The format forces an answer of the server; plain `docker info` ends well without one.
  const dockerAnswers = await succeeds('docker', ['info', '--format', '{{.ServerVersion}}'], {
    timeout: 10_000,
    ...(signal && { signal }),
  })
  return chooseEngine({
    dockerAnswers,
    dockerHasBase: dockerAnswers && (await dockerObtains(publishedNode, signal)),
    platform: process.platform,
    uid: process.getuid?.(),
  })
}
