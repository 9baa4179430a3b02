import { z } from 'zod'
import { type StartedTestContainer, Wait } from 'testcontainers'
import { rehearsalRecord, type RehearsalRecord } from '../../rehearsal/records.ts'
import { rehearsalModel } from '../../core/api/names.ts'
import { modelProfile, type ModelProfile } from '../../core/models/profile.ts'
import { OrdinaryContainer, sharedVolume } from './ordinary-container.ts'

const port = 11434
/** Both images' user; its group is the fsGroup of the Pod that the chart makes. */
const modelUser = 10003

/** A model server in a container, reached on loopback. */
export interface ModelContainer extends AsyncDisposable {
  readonly url: string
  readonly profile: ModelProfile
  /** What a rehearsal model was asked; Ollama does not keep it. */
  questions(): Promise<readonly RehearsalRecord[]>
}

/** Starts the rehearsal model's image, as fast as it can answer. */
export async function startRehearsalContainer(image: string): Promise<ModelContainer> {
  const container = await new OrdinaryContainer(image, { user: `${modelUser}:${modelUser}` })
    .withEnvironment({ REHEARSAL_RATE: '0' })
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forHttp('/api/version', port))
    .start()
  return running(container, rehearsalModel, () => container.stop())
}

/** Starts Ollama's image, which will be asked for `model`; nothing of it is kept. */
export async function startOllamaContainer(image: string, model: string): Promise<ModelContainer> {
  const models = await sharedVolume({ group: modelUser, size: 512 * 2 ** 20 })
  try {
    const container = await new OrdinaryContainer(image, { user: `${modelUser}:${modelUser}` })
      .withBindMounts([{ source: models.name, target: '/models' }])
      .withTmpFs({ '/home/ollama': `uid=${modelUser},gid=${modelUser}`, '/tmp': '' })
      .withExposedPorts(port)
      .withWaitStrategy(Wait.forHttp('/api/version', port))
      .start()
    return running(container, model, async () => {
      await container.stop()
      await models[Symbol.asyncDispose]()
    })
  } catch (error) {
    await models[Symbol.asyncDispose]()
    throw error
  }
}

function running(
  container: StartedTestContainer,
  model: string,
  stop: () => Promise<unknown>,
): ModelContainer {
  const url = `http://127.0.0.1:${container.getMappedPort(port)}`
  return {
    url,
    profile: modelProfile.parse({ name: model, endpoint: url, contextTokens: 4096 }),
    async questions() {
      const response = await fetch(`${url}/rehearsal/records`)
      return z.object({ records: z.array(rehearsalRecord) }).parse(await response.json()).records
    },
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}
