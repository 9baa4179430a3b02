import { expect, test } from 'vitest'
import { Cache } from '../../../test/support/cache.ts'
import { languageModel } from '../../../test/support/objects.ts'
import { silentLogger as log } from '../../../test/support/silent-logger.ts'
import { languageModels } from '../../../core/api/kinds.ts'
import { parseConfig } from '../../settings/config.ts'
import { KubeError } from '../../../core/kube/errors.ts'
import type { World } from '../world.ts'
import { settingsKey, settingsReconciler } from './configured.ts'
import { Models } from './models.ts'

const { models: configured } = parseConfig(`
agents: { template: { image: a }, hubUrl: "http://hub" }
forge: { url: "http://forge" }
modelServer: { url: "http://own" }
models: [{ name: "x:120b-cloud" }, { name: "coder:7b" }]
`)
const { signal } = new AbortController()

test('a model that the API server refuses says why until the API server accepts it', async () => {
  const state = { refuses: true }
  const informer = new Cache(languageModels)
  const models = new Models({
    informer,
    installation: { endpoint: 'http://own' },
    configured: configured.map(({ name }) => name),
  })
  const client = {
    apply: async (_resource: unknown, { spec }: { readonly spec: { readonly model: string } }) => {
      if (state.refuses && spec.model.endsWith('cloud'))
        throw new KubeError({ status: 422, reason: 'Invalid', message: 'it is of the cloud' })
      return languageModel('any')
    },
  }
  const world = { client, namespace: 'guildhall', models: informer } as unknown as World
  const reconcile = settingsReconciler(world, configured, models)

  await reconcile(settingsKey, { signal, log })
  expect(models.troubleOf('x:120b-cloud')).toEqual({
    isMissing: true,
    isForPerson: true,
    message: expect.stringMatching(/settings name x:120b-cloud.* refused it: it is of the cloud/),
  })
  expect(models.troubleOf('coder:7b')?.message).toMatch(/being set up/)

  state.refuses = false
  await reconcile(settingsKey, { signal, log })
  expect(models.troubleOf('x:120b-cloud')?.message).toMatch(/being set up/)
})
