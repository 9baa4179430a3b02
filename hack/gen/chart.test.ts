import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../operator/settings/config.ts'
import { longestStopMs } from '../../core/kube/runtime/manager.ts'
import {
  type Rendered,
  type RenderedContainer,
  configOf,
  helmProgram,
  podsOf,
  renderChart,
} from './chart-render.ts'
import { allKinds } from '../../core/api/kinds.ts'
import { podSecurityProblems } from './pod-security.ts'

const helm = helmProgram() ?? ''
if (helm === '') {
  console.warn('the chart is not tested: there is no helm, and no Go to build it')
}

const rehearsal = ['rehearsal.enabled=true', 'rehearsal.default=true']
const variants: readonly (readonly [string, readonly string[]])[] = [
  ['by default', []],
  ['with the rehearsal model alone', [...rehearsal, 'ollama.enabled=false']],
  ['with a server outside', ['ollama.enabled=false', 'ollama.external.url="http://gpu:11434"']],
  ['with two operators', ['operator.replicas=2', ...rehearsal]],
  ['without volumes', ['forge.persistence.enabled=false', 'ollama.persistence.enabled=false']],
  ['with claims of its own', ['forge.persistence.existingClaim="mine"', 'model.pull=true']],
]

describe.skipIf(helm === '').each(variants)('the chart %s', (_, settings) => {
  const objects = helm === '' ? [] : renderChart(helm, settings)

  test('has Pods that Pod Security "restricted" admits', () => {
    const problems = objects.flatMap((object) =>
      podsOf(object).flatMap((pod) =>
        podSecurityProblems(pod).map(
          (problem) => `${object.kind} ${object.metadata.name}: ${problem}`,
        ),
      ),
    )

    expect(problems).toEqual([])
    expect(objects.flatMap(podsOf).length).toBeGreaterThan(2)
  })

  test('gives every container requests, a memory limit and a read-only root', () => {
    const lacking = containersOf(objects).filter(
      ({ resources, securityContext }) =>
        !resources?.requests?.['cpu'] ||
        !resources.requests['memory'] ||
        !resources.limits?.['memory'] ||
        securityContext?.['readOnlyRootFilesystem'] !== true,
    )

    expect(lacking.map(({ name }) => name)).toEqual([])
  })

  test('probes every container that stays', () => {
    const lacking = containersOf(objects.filter(({ kind }) => kind !== 'Pod')).filter(
      ({ startupProbe, readinessProbe, livenessProbe }) =>
        !startupProbe || !readinessProbe || !livenessProbe,
    )

    expect(lacking.map(({ name }) => name)).toEqual([])
  })

  test('gives the operator longer to stop than it takes', () => {
    const operator = objects.filter(({ metadata }) => metadata.name === 'guildhall-operator')
    const seconds = operator.flatMap(podsOf).map((pod) => pod['terminationGracePeriodSeconds'])

    expect(seconds).toHaveLength(1)
    expect(Number(seconds[0]) * 1000).toBeGreaterThan(longestStopMs)
  })

  test('mounts only volumes that are there', () => {
    const missing = objects.flatMap((object) =>
      podsOf(object).flatMap((pod) => {
        const claimed = object.spec?.volumeClaimTemplates ?? []
        const names = [
          ...(pod.volumes ?? []).map((volume) => volume['name']),
          ...claimed.map(({ metadata }) => metadata.name),
        ]
        const mounts = pod.containers.flatMap(({ volumeMounts = [] }) => volumeMounts)
        expect(new Set(names).size).toBe(names.length)
        return mounts.filter(({ name }) => !names.includes(name))
      }),
    )

    expect(missing).toEqual([])
  })

  test('selects with Services and workloads what their Pods carry', () => {
    const templates = objects.flatMap(({ spec }) => spec?.template ?? [])
    const leader = 'guildhall.dev/leader'
    for (const { kind, spec } of objects) {
      if (spec?.template && spec.selector?.matchLabels) {
        expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels)
      }
      if (kind === 'Service') {
        const { [leader]: _leader, ...selector } = spec?.selector ?? {}
        const selected = templates.filter(({ metadata }) => contains(metadata.labels, selector))
        expect(selected).toHaveLength(1)
        const ports = selected[0]?.spec.containers.flatMap(({ ports: own = [] }) => own) ?? []
        expect(ports.map(({ name }) => name)).toContain(spec?.ports?.[0]?.targetPort)
      }
    }
  })

  test('names the governing Service of each StatefulSet', () => {
    const services = named(objects, 'Service')
    const wanted = objects.flatMap(({ spec }) => spec?.serviceName ?? [])

    expect(services).toEqual(expect.arrayContaining(wanted))
    expect(services).toEqual(expect.arrayContaining(['guildhall-hub', 'guildhall-forge']))
  })

  test('uses ServiceAccounts and Roles that it makes', () => {
    const accounts = named(objects, 'ServiceAccount')
    const used = objects
      .flatMap(podsOf)
      .flatMap(({ serviceAccountName = [] }) => serviceAccountName)
    const bound = objects.flatMap(({ subjects = [] }) => subjects.map(({ name }) => name))
    const roles = [...named(objects, 'Role'), ...named(objects, 'ClusterRole')]
    const referred = objects.flatMap(({ roleRef }) => roleRef?.name ?? [])

    expect(accounts.toSorted()).toEqual(
      ['agent', 'forge', 'operator', 'reader'].map((name) => `guildhall-${name}`),
    )
    expect(accounts).toEqual(expect.arrayContaining([...used, ...bound]))
    expect(roles).toEqual(expect.arrayContaining(referred))
    expect(bound).not.toContain('guildhall-agent')
    expect(bound).not.toContain('guildhall-reader')
  })

  test('binds no right outside the namespace but to review tokens', () => {
    const bound = objects.flatMap(({ kind, roleRef }) =>
      kind === 'ClusterRoleBinding' ? (roleRef?.name ?? []) : [],
    )
    const rules = objects
      .filter(({ kind, metadata }) => kind === 'ClusterRole' && bound.includes(metadata.name))
      .flatMap(({ rules: own = [] }) => own)

    expect(rules).toEqual([
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ])
  })

  test('mounts an API token only where one is used', () => {
    const withToken = objects.filter((object) =>
      podsOf(object).some((pod) => pod.automountServiceAccountToken !== false),
    )

    expect(withToken.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'guildhall-forge',
      'guildhall-operator',
    ])
  })

  test('closes the network around every part that runs', () => {
    const parts = objects.flatMap(({ spec }) =>
      spec?.template ? (spec.template.metadata.labels['app.kubernetes.io/component'] ?? []) : [],
    )
    const closed = objects
      .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && !metadata.annotations)
      .map(({ spec }) => {
        expect(spec?.policyTypes).toEqual(['Ingress', 'Egress'])
        return spec?.podSelector?.matchLabels['app.kubernetes.io/component']
      })

    expect(closed).toHaveLength(parts.length + 1)
    expect(new Set(closed)).toEqual(new Set(['agent', ...parts]))
  })

  test('renders a configuration that the operator accepts', () => {
    const config = parseConfig(configOf(objects))

    expect(config.agents.image).toBe('guildhall.dev/agent:0.1.0')
    expect(config.agents.reuse).toBe('request')
    expect(config.agents.hubUrl).toBe('http://guildhall-hub.guildhall.svc:8080')
    expect(config.forge.url).toBe('http://guildhall-forge.guildhall.svc:8080')
  })
})

describe.skipIf(helm === '')('sources of the forge', () => {
  const environmentOf = (values: readonly string[]) => {
    const containers = containersOf(renderChart(helm, [...values]))
    const forge = containers.find(({ name }) => name === 'forge')
    return Object.fromEntries((forge?.env ?? []).map(({ name, value }) => [name, value]))
  }

  test('are on public hosts only, unless values say more', () => {
    expect(environmentOf([])).toMatchObject({
      FORGE_SOURCES_ALLOWED_HOSTS: '',
      FORGE_SOURCES_ALLOW_PRIVATE: 'false',
    })
    const hosts = 'forge.sources.allowedHosts=["*.corp.example","10.20.0.0/16"]'
    expect(environmentOf([hosts, 'forge.sources.allowPrivate=true'])).toMatchObject({
      FORGE_SOURCES_ALLOWED_HOSTS: '*.corp.example,10.20.0.0/16',
      FORGE_SOURCES_ALLOW_PRIVATE: 'true',
    })
  })
})

describe.skipIf(helm === '')('the images block', () => {
  test('is the only source of images, and global.imageRegistry moves all of them', () => {
    const objects = renderChart(helm, ['global.imageRegistry="mirror.test/x"', ...rehearsal])
    const images = containersOf(objects).map(({ image }) => image)
    const agent = parseConfig(configOf(objects)).agents.image

    expect(new Set([...images, agent])).toEqual(
      new Set([
        'mirror.test/x/operator:0.1.0',
        'mirror.test/x/agent:0.1.0',
        'mirror.test/x/ollama/ollama:0.17.4',
        'mirror.test/x/rehearsal:0.1.0',
      ]),
    )
  })

  test('gives every ServiceAccount the secrets to pull them, for the Pods that the operator makes', () => {
    const objects = renderChart(helm, ['global.imagePullSecrets=[{"name":"pull"}]'])
    const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount')

    expect(accounts).toHaveLength(4)
    for (const account of accounts) {
      expect(account).toMatchObject({ imagePullSecrets: [{ name: 'pull' }] })
    }
  })

  test('pins an image by digest', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const objects = renderChart(helm, [`images.operator.digest="${digest}"`])

    expect(containersOf(objects).map(({ image }) => image)).toContain(
      `guildhall.dev/operator:0.1.0@${digest}`,
    )
  })
})

describe.skipIf(helm === '')('the network policies', () => {
  test('let agents reach DNS, the hub and the forge, and nothing reach them', () => {
    const { ingress, egress = [] } = policy(renderChart(helm), 'agent')

    expect(ingress).toEqual([])
    expect(egress).toHaveLength(3)
    expect(egress.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock ?? []))).toEqual([])
  })

  test('let the model server out only to pull', () => {
    expect(policy(renderChart(helm), 'ollama').egress).toEqual([])
    const { egress = [] } = policy(renderChart(helm, ['model.pull=true']), 'ollama')
    expect(egress.flatMap(({ ports = [] }) => ports.map(({ port }) => port))).toEqual([53, 53, 443])
  })

  test('let the operator reach a model server outside on its own port', () => {
    const settings = ['ollama.enabled=false', 'ollama.external.url="http://gpu.test:1234"']
    const { egress = [] } = policy(renderChart(helm, settings), 'operator')

    expect(egress.flatMap(({ ports = [] }) => ports.map(({ port }) => port))).toContain(1234)
  })

  test('never mean the metadata service when they mean everywhere', () => {
    const rules = renderChart(helm, ['model.pull=true']).flatMap(({ kind, spec }) =>
      kind === 'NetworkPolicy' ? (spec?.egress ?? []) : [],
    )
    const everywhere = rules
      .flatMap(({ to = [] }) => to)
      .flatMap(({ ipBlock }) => (ipBlock?.cidr === '0.0.0.0/0' ? ipBlock : []))

    expect(everywhere.length).toBeGreaterThan(0)
    for (const { except } of everywhere) expect(except).toContain('169.254.169.254/32')
  })

  test('can be switched off', () => {
    expect(named(renderChart(helm, ['networkPolicy.enabled=false']), 'NetworkPolicy')).toEqual([])
  })
})

describe.skipIf(helm === '')('switches of the chart', () => {
  test('make a disruption budget only for several operators', () => {
    expect(named(renderChart(helm), 'PodDisruptionBudget')).toEqual([])
    expect(named(renderChart(helm, ['operator.replicas=2']), 'PodDisruptionBudget')).toHaveLength(1)
  })

  test('keep the kinds on removal, unless told otherwise', () => {
    const keeping = (objects: readonly Rendered[]): readonly unknown[] =>
      objects
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'])

    expect(keeping(renderChart(helm))).toEqual(allKinds.map(() => 'keep'))
    expect(keeping(renderChart(helm, ['crds.keep=false']))).toEqual(allKinds.map(() => undefined))
    expect(keeping(renderChart(helm, ['crds.enabled=false']))).toEqual([])
  })

  test('restart the operator when its configuration changes', () => {
    const checksum = (settings: readonly string[]): unknown =>
      JSON.stringify(
        renderChart(helm, settings).find(({ kind }) => kind === 'Deployment')?.spec?.template
          ?.metadata,
      )

    expect(checksum(['agents.maxAgents=3'])).not.toEqual(checksum(['agents.maxAgents=4']))
  })

  test.each<[string, readonly string[], RegExp]>([
    ['two model servers', ['ollama.external.url="http://a:1"'], /--set ollama\.enabled=false/],
    ['no model server', ['ollama.enabled=false'], /there is no model server; add one of/],
    ['a rehearsal that is off', ['rehearsal.default=true'], /--set rehearsal\.enabled=true/],
    [
      'a claim without persistence',
      ['forge.persistence.enabled=false', 'forge.persistence.existingClaim="x"'],
      /--set forge\.persistence\.enabled=true/,
    ],
    ['a model twice', ['models=[{"name":"qwen2.5-coder:7b"}]'], /named twice/],
    [
      'two models whose objects would have one name',
      ['models=[{"name":"a:7b"},{"name":"A-7b"}]'],
      /the model A-7b would be the LanguageModel a-7b/,
    ],
    [
      'several model servers on one volume',
      ['ollama.replicas=2', 'ollama.persistence.existingClaim="mine"'],
      /a volume of its own/,
    ],
    [
      'two figures of calls at once for one Ollama',
      ['models=[{"name":"small:1b","parallel":2}]'],
      /parallel of the model small:1b is 2, and .* answers 1 calls at once/,
    ],
    ['a pull in an air gap', ['airGapped=true', 'model.pull=true'], /airGapped is true/],
    ['agents with a model that is none', ['agents.models.review="x:1b"'], /add it to models/],
    [
      "OpenAI's API at an Ollama",
      ['model.provider="openai"'],
      /no endpoint of its own; set its endpoint/,
    ],
    [
      "a pull through OpenAI's API",
      ['model.provider="openai"', 'model.endpoint="http://a:1"', 'model.pull=true'],
      /set its pull to false/,
    ],
    ['answers that fill the context', ['model.outputTokens=8000'], /more than half/],
    ['a key that does not exist', ['agents.maxAgent=3'], /maxAgent/],
    ['agents that serve whom nobody knows', ['agents.reuse="never"'], /reuse/],
    ['a value out of bounds', ['agents.maxAgents=0'], /maxAgents/],
    ['a URL with a password', ['model.endpoint="http://u:p@a:1"'], /endpoint/],
  ])('refuse %s and say how to repair it', (_, settings, want) => {
    expect(() => renderChart(helm, settings)).toThrow(want)
  })
})

function containersOf(objects: readonly Rendered[]): readonly RenderedContainer[] {
  return objects
    .flatMap(podsOf)
    .flatMap(({ containers, initContainers = [] }) => [...containers, ...initContainers])
}

function named(objects: readonly Rendered[], wanted: string): readonly string[] {
  return objects.flatMap(({ kind, metadata }) => (kind === wanted ? metadata.name : []))
}

function policy(objects: readonly Rendered[], component: string): NonNullable<Rendered['spec']> {
  const found = objects.find(
    ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === `guildhall-${component}`,
  )
  if (!found?.spec) throw new Error(`there is no NetworkPolicy for ${component}`)
  return found.spec
}

function contains(labels: Readonly<Record<string, unknown>>, part: object): boolean {
  return Object.entries(part).every(([name, value]) => labels[name] === value)
}
