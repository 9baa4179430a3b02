// Which models the chart sets the operator up with, and who uses which.
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../operator/settings/config.ts'
import { configOf, helmProgram, renderChart } from './chart-render.ts'

const helm = helmProgram() ?? ''
if (helm === '') {
  console.warn('the models of the chart are not tested: there is no helm, and no Go to build it')
}
const rehearsal = ['rehearsal.enabled=true', 'rehearsal.default=true']

describe.skipIf(helm === '')('the models of the configuration', () => {
  const extra = 'models=[{"name":"small:1b","tier":"weak","pull":false,"contextTokens":4096}]'

  test.each<[string, readonly string[], readonly string[]]>([
    ['hold the model alone by default', [], ['qwen2.5-coder:7b']],
    [
      'begin with the rehearsal model when it is the default',
      rehearsal,
      ['rehearsal', 'qwen2.5-coder:7b'],
    ],
    [
      'end with the rehearsal model otherwise',
      ['rehearsal.enabled=true'],
      ['qwen2.5-coder:7b', 'rehearsal'],
    ],
    [
      'are without a model that has no server',
      [...rehearsal, 'ollama.enabled=false'],
      ['rehearsal'],
    ],
    ['hold further models behind the first', [extra], ['qwen2.5-coder:7b', 'small:1b']],
    ['are those of a preset', ['preset="classic"'], ['codellama:7b', 'llama2:7b']],
    ['are one small one for small machines', ['preset="tiny"'], ['qwen2.5-coder:1.5b']],
    [
      'are the one a person names, whatever the preset',
      ['preset="classic"', 'model.name="m"'],
      ['m'],
    ],
  ])('%s', (_, settings, want) => {
    const { models } = parseConfig(configOf(renderChart(helm, settings)))

    expect(models.map(({ name }) => name)).toEqual(want)
  })

  test('take what a further model leaves out from the first, and false for false', () => {
    const objects = renderChart(helm, [extra, 'model.pull=true', 'model.parallel=3'])

    expect(parseConfig(configOf(objects)).models[1]).toEqual({
      name: 'small:1b',
      provider: 'ollama',
      endpoint: 'http://guildhall-ollama.guildhall.svc:11434',
      contextTokens: 4096,
      outputTokens: 2048,
      parallel: 3,
      tier: 'weak',
      pull: false,
    })
  })
})

describe.skipIf(helm === '')('a model with a server of its own', () => {
  const vllm =
    'models=[{"name":"m","endpoint":"http://vllm:8000","provider":"openai","tokenSecret":{"name":"vllm.key"}}]'

  test('is asked in its own way, with the token of a Secret that the operator mounts', () => {
    const objects = renderChart(helm, [vllm])
    const tokenFile = '/var/run/secrets/guildhall/models/vllm.key/token'
    expect(parseConfig(configOf(objects)).models[1]).toMatchObject({
      name: 'm',
      provider: 'openai',
      endpoint: 'http://vllm:8000',
      tokenFile,
    })
    const operator = JSON.stringify(objects.filter(({ kind }) => kind === 'Deployment'))
    expect(operator).toContain('"secret":{"secretName":"vllm.key"}')
    expect(operator).toContain('"mountPath":"/var/run/secrets/guildhall/models/vllm.key"')
  })

  test('keeps its token and its way for itself', () => {
    const objects = renderChart(helm, [
      'model.endpoint="http://vllm:8000"',
      'model.provider="openai"',
      'model.tokenSecret.name="key"',
      'models=[{"name":"small:1b"}]',
    ])
    const [first, second] = parseConfig(configOf(objects)).models
    expect(first).toMatchObject({ provider: 'openai', tokenFile: expect.any(String) as string })
    expect(second).toMatchObject({ provider: 'ollama' })
    expect(second).not.toHaveProperty('tokenFile')
  })
})

describe.skipIf(helm === '')('the Ollama of the release', () => {
  test.each([
    ['the model does', ['model.parallel=3', 'models=[{"name":"small:1b"}]'], '3'],
    [
      'its first model does, when the model has a server of its own',
      [
        'model.endpoint="http://vllm:8000"',
        'model.provider="openai"',
        'model.parallel=8',
        'models=[{"name":"small:1b","parallel":2}]',
      ],
      '2',
    ],
    [
      'the model does, where others have servers of their own',
      ['models=[{"name":"small:1b","parallel":2,"endpoint":"http://a:1"}]'],
      '1',
    ],
  ])('answers as many calls at once as %s', (_, settings, want) => {
    const stateful = renderChart(helm, settings).filter(({ kind }) => kind === 'StatefulSet')
    expect(JSON.stringify(stateful)).toContain(`{"name":"OLLAMA_NUM_PARALLEL","value":"${want}"}`)
  })

  test('is told with every call how long to keep a model, and so by nothing else', () => {
    expect(JSON.stringify(renderChart(helm))).not.toContain('OLLAMA_KEEP_ALIVE')
  })
})

describe.skipIf(helm === '')('the models of the agents', () => {
  test.each<[string, readonly string[], object]>([
    ['are the one model', [], {}],
    [
      'are llama2 for reviews and documentation in the classic preset',
      ['preset="classic"'],
      { review: 'llama2:7b', documentation: 'llama2:7b' },
    ],
    [
      'are what a person says, for the types the person names',
      ['preset="classic"', 'agents.models.review="codellama:7b"'],
      { review: 'codellama:7b', documentation: 'llama2:7b' },
    ],
    ['are the rehearsal model in a rehearsal', ['preset="classic"', ...rehearsal], {}],
  ])('%s', (_, settings, want) => {
    expect(parseConfig(configOf(renderChart(helm, settings))).agents.models).toEqual(want)
  })

  test('stand beside how much memory and disk their server has, where the chart knows it', () => {
    const server = (settings: readonly string[]) =>
      parseConfig(configOf(renderChart(helm, settings))).modelServer
    expect(server([])).toEqual({
      url: 'http://guildhall-ollama.guildhall.svc:11434',
      airGapped: false,
      memory: 10 * 2 ** 30,
      disk: 20 * 2 ** 30,
    })
    expect(server(['ollama.replicas=2'])).toMatchObject({
      replicas: [0, 1].map((n) => `http://guildhall-ollama-${n}.guildhall.svc:11434`),
    })
    expect(
      server(['ollama.resources.limits={"nvidia.com/gpu":1,"memory":"8Gi"}']),
    ).not.toHaveProperty('memory')
    expect(server(['ollama.enabled=false', 'ollama.external.url="http://mac:11434"'])).toEqual({
      url: 'http://mac:11434',
      airGapped: false,
    })
  })
})
