// The values of the chart: the one source of values.yaml, values.schema.json and the table in the
// chart's README.
import { z } from 'zod'
import { agentReuses, agentTypes } from '../../core/api/agent-types.ts'
import { providers, tiers } from '../../core/api/language-model.ts'

// Building blocks: strict objects whose every leaf has a default and a description.

/** An object of the values whose keys all have defaults; unknown keys are refused. */
const section = (description: string, shape: z.ZodRawShape) => {
  const object: z.ZodType = z.strictObject(shape)
  return object.prefault({}).meta({ description })
}

const flag = (value: boolean, description: string) =>
  z.boolean().default(value).meta({ description })

const text = (value: string, description: string) => z.string().default(value).meta({ description })

const whole = (value: number, min: number, max: number, description: string) =>
  z.int32().min(min).max(max).default(value).meta({ description })

const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  value: T[number],
  description: string,
) => z.enum(values).default(value).meta({ description })

/** An amount as Kubernetes writes it. */
const quantity = (value: string, description: string) =>
  z
    .string()
    .regex(/^[0-9]+(\.[0-9]+)?(m|[kMGTP]i?)?$/)
    .default(value)
    .meta({ description })

/** An http(s) address without a path, or nothing. */
const optionalUrl = (description: string) =>
  z
    .string()
    .regex(/^(https?:\/\/[^\s/@]+)?$/)
    .default('')
    .meta({ description })

/** Objects that go into manifests as they are; the API server checks them. */
const passedList = (description: string) =>
  z.array(z.looseObject({})).default([]).meta({ description })

const passedMap = (description: string) => z.looseObject({}).default({}).meta({ description })

const stringMap = (description: string) =>
  z.record(z.string(), z.string()).default({}).meta({ description })

/** An image: `registry/repository:tag@digest`. */
const image = (
  what: string,
  { registry, repository, tag = '' }: { registry: string; repository: string; tag?: string },
) =>
  section(what, {
    registry: text(registry, 'Registry; global.imageRegistry overrides it.'),
    repository: text(repository, 'Repository in it.'),
    tag: text(tag, "Tag; the chart's appVersion when empty."),
    digest: z
      .string()
      .regex(/^(sha256:[0-9a-f]{64})?$/)
      .default('')
      .meta({ description: 'Digest, sha256:…; pins the image whatever the tag says.' }),
    pullPolicy: choice(['IfNotPresent', 'Always', 'Never'], 'IfNotPresent', 'When to pull it.'),
  })

const amounts = z.record(z.string(), z.union([z.string(), z.number()]))

/** Requests and limits of a container. */
const resources = (
  requests: { cpu: string; memory: string },
  limits: { memory: string },
  description: string,
) =>
  z
    .strictObject({ requests: amounts.optional(), limits: amounts.optional() })
    .default({ requests, limits })
    .meta({ description })

/** A volume that outlives its Pod. */
const persistence = (size: string, what: string) =>
  section(`The volume of ${what}.`, {
    enabled: flag(true, 'Keep the data on a volume. When false, the data is lost with the Pod.'),
    size: quantity(size, 'Size of the volume.'),
    storageClass: text('', "StorageClass; the cluster's default when empty."),
    existingClaim: text('', 'Use this PersistentVolumeClaim instead of making one.'),
  })

/** Where Pods may run. */
const placement = {
  nodeSelector: stringMap('Labels a node must have.'),
  tolerations: passedList('Taints to tolerate.'),
}

const ours = 'guildhall.dev'

const profile = {
  contextTokens: whole(
    8192,
    1024,
    1048576,
    'Size of its context in tokens, prompt and answer together. A larger context needs more memory.',
  ),
  outputTokens: whole(2048, 64, 131072, 'Longest answer in tokens; at most half of the context.'),
  parallel: whole(
    1,
    1,
    64,
    'How many calls the server answers at once. It multiplies the memory. All models of the Ollama of this release have the same number.',
  ),
  tier: choice(
    ['auto', ...tiers],
    'auto',
    'How strong the model is; sets how it is asked and how many tries an attempt gets. auto: three short questions show it.',
  ),
  pull: flag(
    false,
    'Pull the model from the Ollama registry when the server does not hold it. This opens the way out for the model server.',
  ),
}

/** Of a model that has a server of its own; never taken over from another model. */
const server = {
  provider: choice(
    providers,
    'ollama',
    "The API of its server. ollama: Ollama's own API. openai: the API of llama.cpp, vLLM and LM Studio; needs endpoint, and nothing can be pulled.",
  ),
  tokenSecret: section('A Secret with the bearer token that its server wants.', {
    name: text('', 'Its name, in the namespace of the release; no token when empty.'),
    key: text('token', 'The key in it.'),
  }),
}

const modelName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/)

const logLevels = ['debug', 'info', 'warn', 'error'] as const

const anywhere = ['0.0.0.0/0', '::/0']

const cidrs = (description: string) =>
  z.array(z.string().min(1)).default(anywhere).meta({ description })

/** Everything that can be set at installation. Unknown keys are refused. */
export const chartValues = z.strictObject({
  global: z
    .looseObject({
      imageRegistry: text('', 'Registry for every image, e.g. a mirror inside your network.'),
      imagePullSecrets: passedList('Secrets for pulling images, as in a Pod: [{name: …}].'),
    })
    .prefault({})
    .meta({ description: 'Settings for all images.' }),
  fullnameOverride: text('guildhall', 'The beginning of the names of all objects.'),
  images: section('The only place where images are named.', {
    operator: image('Operator and forge.', { registry: ours, repository: 'operator' }),
    agent: image('Agents and their sandboxes.', { registry: ours, repository: 'agent' }),
    ollama: image('The model server.', {
      registry: 'docker.io',
      repository: 'ollama/ollama',
      tag: '0.17.4',
    }),
    rehearsal: image('The rehearsal model.', { registry: ours, repository: 'rehearsal' }),
  }),
  crds: section('The CustomResourceDefinitions.', {
    enabled: flag(true, 'Install and upgrade the kinds with this release.'),
    keep: flag(
      true,
      'Keep the kinds, and with them every DevRequest, when the release is removed.',
    ),
  }),
  preset: choice(
    ['recommended', 'classic', 'tiny'],
    'recommended',
    'The models that do the work. recommended: qwen2.5-coder:7b. classic: codellama:7b for code, llama2:7b for reviews and documentation. tiny: qwen2.5-coder:1.5b, for machines with little memory.',
  ),
  airGapped: flag(
    false,
    'Nothing is fetched from outside the cluster. Somebody has to put the models into the server (docs/models.md).',
  ),
  model: section('The model that does the work.', {
    name: z
      .string()
      .regex(/^([A-Za-z0-9][A-Za-z0-9._:/-]*)?$/)
      .default('')
      .meta({ description: "The model's name at its server; the preset's model when empty." }),
    endpoint: optionalUrl(
      'Base URL of its server; the Ollama of this release or ollama.external.url when empty.',
    ),
    ...server,
    ...profile,
  }),
  models: z
    .array(
      z.strictObject({
        name: modelName.meta({ description: 'As Ollama names it.' }),
        endpoint: optionalUrl(
          'Base URL of its server; the Ollama of this release or ollama.external.url when empty.',
        ),
        ...server,
        ...profile,
      }),
    )
    .default([])
    .meta({
      description:
        'Further models that a DevRequest may name in spec.model. The keys are those of model; a figure that is left out is as there.',
    }),
  agents: section('The agents.', {
    models: z
      .strictObject(Object.fromEntries(agentTypes.map((type) => [type, modelName.optional()])))
      .default({})
      .meta({
        description:
          "Models by type of agent, e.g. {review: llama2:7b}; each must be in model or models. A type that is left out has the model of the preset, else model. A request's spec.model has precedence.",
      }),
    maxAgents: whole(10, 1, 500, 'The most agents at once, all types together.'),
    idleSeconds: whole(300, 5, 86400, 'An agent without work goes after this time.'),
    maxTasks: whole(50, 1, 1000, 'An agent ends after this many tasks.'),
    reuse: choice(
      agentReuses,
      'request',
      'The requests whose tasks an agent takes. request: one request; the agent goes when that request is over. any: every request, which saves a new Pod for each one. But agents run the code of projects, and anything that the code of one request leaves behind in the Pod can then read or forge the work of another.',
    ),
    resources: section('Of the two containers of an agent Pod.', {
      agent: resources(
        { cpu: '25m', memory: '96Mi' },
        { memory: '384Mi' },
        'The container that talks to the hub and runs git.',
      ),
      sandbox: resources(
        { cpu: '50m', memory: '128Mi' },
        { memory: '1Gi' },
        "The container that runs the project's commands. The commands get the memory limit less 256 MiB, at least half of it.",
      ),
    }),
    workspaceSizeLimit: quantity('2Gi', 'The most that a workspace may hold.'),
    runtimeClassName: text('', 'RuntimeClass, e.g. gvisor or kata.'),
    egress: passedList(
      'NetworkPolicy egress rules besides those for DNS, hub and forge, e.g. to a package mirror inside your network.',
    ),
    ...placement,
  }),
  operator: section('The operator.', {
    replicas: whole(1, 1, 5, 'With more than one, a standby takes over within seconds.'),
    logLevel: choice(logLevels, 'info', 'How much it logs.'),
    resources: resources({ cpu: '50m', memory: '128Mi' }, { memory: '512Mi' }, 'Its resources.'),
    podAnnotations: stringMap('Annotations on its Pods.'),
    priorityClassName: text('', 'PriorityClass of its Pods.'),
    affinity: passedMap('Affinity of its Pods.'),
    ...placement,
  }),
  forge: section('The git server that holds the repositories.', {
    logLevel: choice(logLevels, 'info', 'How much it logs.'),
    resources: resources({ cpu: '50m', memory: '96Mi' }, { memory: '512Mi' }, 'Its resources.'),
    persistence: persistence('10Gi', 'the repositories'),
    egress: passedList(
      'NetworkPolicy egress rules for git servers that spec.source.git mirrors from.',
    ),
    sources: section(
      'Which hosts spec.source.git may be on. Public ones always; others must be named here, because whoever may write a DevRequest could otherwise reach into your network.',
      {
        allowedHosts: z
          .array(z.string().regex(/^[^\s,]+$/))
          .default([])
          .meta({
            description:
              'Hosts that are not public: names (git.corp.example, *.corp.example), addresses, CIDR blocks (10.20.0.0/16). A name is allowed wherever it leads; a name of the cluster (gitea.tools.svc) must be named itself.',
          }),
        allowPrivate: flag(
          false,
          'Allow every private network and every name of the cluster. Loopback and link-local addresses (the metadata service of a cloud) stay closed unless allowedHosts has them.',
        ),
      },
    ),
    ...placement,
  }),
  ollama: section('The model server in the cluster.', {
    enabled: flag(
      true,
      'Run a model server. When false, set ollama.external.url or use the rehearsal model.',
    ),
    replicas: whole(
      1,
      1,
      16,
      'How many model servers. Each holds every model, and answers model.parallel calls at once. The calls of a request stay at one server.',
    ),
    external: section('A model server elsewhere.', {
      url: optionalUrl('Its address, e.g. http://host.docker.internal:11434 on a Mac.'),
    }),
    resources: resources(
      { cpu: '250m', memory: '2Gi' },
      { memory: '10Gi' },
      'Its resources; with a context of 8192 tokens qwen2.5-coder:7b needs about 6Gi and codellama:7b 9Gi. GPUs go under limits.',
    ),
    persistence: persistence('20Gi', 'the models'),
    maxLoadedModels: whole(1, 1, 16, 'How many models are in memory at once.'),
    runtimeClassName: text('', 'RuntimeClass, e.g. nvidia.'),
    ...placement,
  }),
  rehearsal: section(
    'A stand-in model that answers from checked-in scripts: to try the system without a real model. It writes no software of its own.',
    {
      enabled: flag(false, 'Run the rehearsal model.'),
      default: flag(false, 'Make the rehearsal model the default model.'),
      parallel: whole(4, 1, 64, 'How many calls the rehearsal model answers at once.'),
      resources: resources({ cpu: '20m', memory: '64Mi' }, { memory: '256Mi' }, 'Its resources.'),
      ...placement,
    },
  ),
  networkPolicy: section('Who may talk to whom. Needs a network plugin that enforces policies.', {
    enabled: flag(true, 'Agents reach DNS, the hub and the forge only; nothing reaches agents.'),
    dns: section('The DNS server of the cluster.', {
      namespace: text('kube-system', 'Its namespace.'),
      podLabels: z
        .record(z.string(), z.string())
        .default({ 'k8s-app': 'kube-dns' })
        .meta({ description: 'Labels of its Pods.' }),
      cidrs: z
        .array(z.string().min(1))
        .default([])
        .meta({ description: 'Further addresses, e.g. 169.254.20.10/32 of a node-local cache.' }),
    }),
    apiServer: section('The Kubernetes API, which operator and forge call.', {
      cidrs: cidrs(
        'Its addresses. Narrow this to close the way out on its ports: kubectl -n default get endpointslices.',
      ),
      ports: z
        .array(z.int32().min(1).max(65535))
        .default([443, 6443, 8443, 16443])
        .meta({ description: 'Its ports, before and after the Service.' }),
    }),
    modelCidrs: cidrs(
      'The addresses at which model servers outside this release and the model registry may be.',
    ),
    metricsFrom: passedList(
      'NetworkPolicy peers that may read metrics and health; every Pod in the cluster when empty.',
    ),
  }),
  rbac: section('Rights of people.', {
    aggregate: flag(
      true,
      'Let people with the cluster roles view and edit see and make our kinds in their namespaces.',
    ),
  }),
})
