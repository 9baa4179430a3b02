import { expect, test } from 'vitest'
import { Cache, calmAudit, newer } from '../../../test/support/cache.ts'
import { languageModel } from '../../../test/support/objects.ts'
import { silentLogger as log } from '../../../test/support/silent-logger.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { devRequests, languageModels } from '../../../core/api/kinds.ts'
import type { LanguageModel } from '../../../core/api/language-model.ts'
import type { World } from '../world.ts'
import { modelReconciler } from './controller.ts'
import { Models, profileOf } from './models.ts'
import { SelfTests } from './self-tests.ts'
import type { ModelServers } from '../../../core/models/fleet/fleet.ts'

/**
 * The controller with a server that holds nothing. `pulls` names the pulls that run, by endpoint
 * and model.
 */
function controller() {
  const clock = new VirtualClock()
  const pulls = new Map<string, string>()
  const nameOf = ({ endpoint, name }: { readonly endpoint: string; readonly name: string }) =>
    `${endpoint} ${name}`
  const servers: ModelServers = {
    look: async () => ({ kind: 'reachable', held: undefined }),
    pullState: (profile) =>
      pulls.has(nameOf(profile)) ? { kind: 'running', percent: 1, status: '' } : undefined,
    pull: (profile, source) => {
      pulls.set(nameOf(profile), source.kind === 'registry' ? 'pull' : source.digest)
    },
    cancelPull: (profile) => {
      pulls.delete(nameOf(profile))
    },
    onProgress: () => {},
    test: async () => Promise.reject(new Error('nobody asked for a test')),
  }
  const models = new Cache(languageModels)
  const installation = { endpoint: 'http://own' }
  const reconcile = modelReconciler(
    {
      namespace: 'guildhall',
      clock,
      client: { updateStatus: async (_resource: unknown, object: LanguageModel) => object },
      requests: new Cache(devRequests),
      models,
      events: { record: () => {} },
      audit: calmAudit,
    } as unknown as World,
    {
      servers,
      models: new Models({ informer: models, installation, configured: [] }),
      tests: new SelfTests({
        models,
        profileOf: (model) => profileOf(model, installation),
        servers,
        onChange: () => {},
        clock,
        log,
      }),
      limits: { airGapped: false, memoryBytes: undefined },
      installation,
    },
  )
  const { signal } = new AbortController()
  return {
    pulls,
    see: async (spec: Partial<LanguageModel['spec']>) => {
      const model = languageModel('coder', spec)
      models.put(models.size === 0 ? model : newer(model))
      await reconcile('guildhall/coder', { signal, log })
    },
    remove: async () => {
      models.remove(languageModel('coder'))
      await reconcile('guildhall/coder', { signal, log })
    },
  }
}

const digest = (letter: string) => `sha256:${letter.repeat(64)}`
const blob = (letter: string) => ({ source: 'blob', blob: { digest: digest(letter) } }) as const
const pull = { source: 'pull' } as const

test.each<
  [
    string,
    Partial<LanguageModel['spec']>,
    Partial<LanguageModel['spec']>,
    Readonly<Record<string, string>>,
  ]
>([
  ['that is to be put there by hand', pull, { source: 'preloaded' }, {}],
  ['that comes from a file', pull, blob('a'), { 'http://own coder:7b': digest('a') }],
  ['that comes from another file', blob('a'), blob('b'), { 'http://own coder:7b': digest('b') }],
  ['of another name', pull, { ...pull, model: 'writer:7b' }, { 'http://own writer:7b': 'pull' }],
  [
    'at another server',
    pull,
    { ...pull, endpoint: 'http://far' },
    { 'http://far coder:7b': 'pull' },
  ],
  [
    'that is the same with a longer context',
    pull,
    { ...pull, contextTokens: 16384 },
    { 'http://own coder:7b': 'pull' },
  ],
])('what runs for a model %s is what its spec says now', async (_, before, after, want) => {
  const { pulls, see } = controller()
  await see(before)
  expect(pulls.size).toBe(1)
  await see(after)
  expect(Object.fromEntries(pulls)).toEqual(want)
})

test('nothing is pulled for a model that is gone', async () => {
  const { pulls, see, remove } = controller()
  await see(pull)
  await remove()
  expect(pulls.size).toBe(0)
})
