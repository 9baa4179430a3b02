import { describe, expect, test } from 'vitest'
import { chooseProvider, type ChoiceInput } from './choose.ts'
import { silentLog } from './log.ts'
import type { ClusterProvider, Detection, ProviderName } from './provider.ts'

const yes: Detection = { usable: true, reason: 'works' }
const no = (reason: string): Detection => ({ usable: false, reason })

describe('chooseProvider', () => {
  test.each<{ title: string; input: ChoiceInput; usable: readonly ProviderName[]; want: string }>([
    { title: 'k3d before all others', input: {}, usable: ['k3d', 'kind', 'native'], want: 'k3d' },
    { title: 'kind where k3d is not', input: {}, usable: ['kind', 'native'], want: 'kind' },
    { title: 'native where neither is', input: {}, usable: ['native', 'existing'], want: 'native' },
    {
      title: 'what was started, whatever else would work',
      input: { remembered: 'native' },
      usable: ['k3d', 'native'],
      want: 'native',
    },
    {
      title: 'what the environment says over what was started',
      input: { environment: 'kind', remembered: 'native' },
      usable: ['k3d'],
      want: 'kind',
    },
    {
      title: 'what the flag says over everything',
      input: { flag: 'existing', environment: 'kind', remembered: 'native' },
      usable: ['k3d'],
      want: 'existing',
    },
  ])('takes $title', async ({ input, usable, want }) => {
    const { provider } = await chooseProvider(input, { log: silentLog }, machine(usable))
    expect(provider.name).toBe(want)
  })

  test('says why it takes one and not those before it', async () => {
    const { why } = await chooseProvider({}, { log: silentLog }, machine(['native']))
    expect(why).toBe('works; not k3d: no k3d here; not kind: no kind here')
  })

  test('never takes the current kubectl context unasked', async () => {
    const choice = chooseProvider({}, { log: silentLog }, machine(['existing']))
    await expect(choice).rejects.toThrow('up --provider existing')
  })

  test('names the providers when there is none of that name', async () => {
    const choice = chooseProvider({ flag: 'minikube' }, { log: silentLog }, machine(['k3d']))
    await expect(choice).rejects.toThrow('minikube; use one of: k3d, kind, native, existing')
  })
})

function machine(usable: readonly ProviderName[]): Readonly<Record<ProviderName, ClusterProvider>> {
  const provider = (name: ProviderName): ClusterProvider => ({
    name,
    detect: async () => (usable.includes(name) ? yes : no(`no ${name} here`)),
    up: async () => undefined,
    down: async () => undefined,
    status: async () => [],
    kubeconfig: async () => '',
    load: async () => undefined,
  })
  return {
    k3d: provider('k3d'),
    kind: provider('kind'),
    native: provider('native'),
    existing: provider('existing'),
  }
}
