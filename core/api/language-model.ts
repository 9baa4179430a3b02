import { z } from 'zod'
import { auditTrail } from './audit-trail.ts'
import {
  type ApiObject,
  type KindDefinition,
  conditions,
  count,
  digest,
  endpointUrl,
  list,
  modelName,
  note,
  object,
  relied,
  text,
  time,
  withRules,
} from './schema.ts'

/**
 * How strong a model is. The tier decides how the model is asked, and how many tries an attempt
 * has.
 */
export const tiers = ['weak', 'basic', 'good'] as const
export type Tier = (typeof tiers)[number]

/** The APIs of model servers. */
export const providers = ['ollama', 'openai'] as const

/** Where the weights come from. */
const modelSources = ['pull', 'preloaded', 'blob'] as const

const tier = z.enum(tiers)

const bytes = (description: string) =>
  z.int().min(0).max(Number.MAX_SAFE_INTEGER).meta({ description, format: 'int64' })

const spec = withRules(
  object(
    {
      model: withRules(modelName("The model's name at its server, e.g. qwen2.5-coder:7b."), [
        {
          rule: "!self.matches('(?i:[:-]cloud)$')",
          message:
            'spec.model names a model of the vendor’s cloud, which would send prompts out of the cluster; name a local one, e.g. qwen2.5-coder:7b',
        },
      ]),
      provider: z.enum(providers).default('ollama').meta({
        description:
          "The API of its server. ollama: Ollama's own API. openai: the API that llama.cpp, vLLM and LM Studio offer; such a server is started with its model and its context.",
      }),
      source: z.enum(modelSources).default('preloaded').meta({
        description:
          'pull: the server pulls it from the model registry. preloaded: somebody has to put it into the server. blob: it is made from a file of weights that was uploaded to the server.',
      }),
      blob: object(
        {
          digest: digest('SHA-256 of the file, as in sha256:<hex>.'),
        },
        'The uploaded file of weights (GGUF).',
      ).optional(),
      endpoint: endpointUrl(
        "Base URL of its server; the operator's own Ollama when left out.",
      ).optional(),
      contextTokens: count(
        1024,
        1048576,
        'Size of the context in tokens, prompt and answer together. More needs more memory.',
      ).default(8192),
      outputTokens: count(
        64,
        131072,
        'Longest answer in tokens; at most half of the context.',
      ).default(2048),
      parallel: count(1, 64, 'How many calls the server answers at once.').default(1),
      tier: tier.optional().meta({
        description: 'How strong the model is. Without it, three short questions show it.',
      }),
    },
    'A model that the agents may use.',
  ),
  [
    {
      rule: "(self.source == 'blob') == has(self.blob)",
      message: 'spec.blob and spec.source: blob go together; give both or neither',
    },
    {
      rule: "self.provider == 'ollama' || (self.source == 'preloaded' && has(self.endpoint))",
      message:
        'spec.provider openai needs spec.endpoint, and spec.source preloaded: nothing can be fetched through that API',
    },
    {
      rule: 'self.outputTokens * 2 <= self.contextTokens',
      message:
        'spec.outputTokens is more than half of spec.contextTokens, which leaves no room for the question',
    },
  ],
)

const status = object(
  {
    observedGeneration: z
      .int()
      .optional()
      .meta({ description: 'The metadata.generation that this status is about.', format: 'int64' }),
    conditions: conditions.optional(),
    progress: note(16, 'The part of the model that is there during a pull, as in 42%.').optional(),
    digest: note(80, 'Digest of the model that the server holds under this name.').optional(),
    sizeBytes: bytes("The model's size on disk, in bytes.").optional(),
    size: note(16, "The model's size on disk, for people.").optional(),
    capabilities: list(
      text(40, 'A word of the server’s.'),
      16,
      "The model's capabilities, as the server names them.",
    ).optional(),
    contextTokens: count(0, 1048576, 'The context that the server gave, in tokens.').optional(),
    tier: tier.optional().meta({
      description:
        'weak: it cannot follow a form or write a file; basic: it can, and forgets the beginning of long texts; good: it passes all three questions.',
    }),
    tokensPerSecond: count(0, 100000, 'How fast the model wrote in the self-test.').optional(),
    test: object(
      {
        digest: note(80, 'Digest of the tested model.'),
        contextTokens: count(0, 1048576, 'Context of the test, in tokens.'),
        at: time('When.'),
        tier: tier.optional().meta({
          description: 'The tier that the three questions showed; absent when they were not asked.',
        }),
        summary: note(1000, 'The outcome of the test, in a sentence.'),
      },
      'The last self-test.',
    ).optional(),
    audit: auditTrail.optional(),
  },
  'What the operator has observed. Only the operator writes it.',
)

export const languageModelKind = {
  kind: 'LanguageModel',
  plural: 'languagemodels',
  singular: 'languagemodel',
  shortNames: ['lmodel'],
  description: 'One model that the agents may use: its source, and its abilities.',
  spec,
  status,
  columns: [
    { name: 'MODEL', path: '.spec.model' },
    { name: 'STATUS', path: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'PROGRESS', path: '.status.progress' },
    { name: 'SIZE', path: '.status.size' },
    { name: 'CONTEXT', path: '.status.contextTokens', type: 'integer' },
    { name: 'TIER', path: '.status.tier' },
    { name: 'AGE', path: '.metadata.creationTimestamp', type: 'date' },
    { name: 'TOKENS/S', path: '.status.tokensPerSecond', type: 'integer', wide: true },
    { name: 'SOURCE', path: '.spec.source', wide: true },
    { name: 'ENDPOINT', path: '.spec.endpoint', wide: true },
  ],
  // Its spec is judged by its controller, which has more to say about it.
  reliesOn: relied(
    {
      model: z.string(),
      contextTokens: z.number(),
      outputTokens: z.number(),
      parallel: z.number(),
      endpoint: z.string().optional(),
      tier: z.enum(tiers).optional(),
    },
    {
      tier: z.enum(tiers).optional(),
      test: z.looseObject({ digest: z.string(), contextTokens: z.number() }).optional(),
    },
  ),
  people: 'write',
} as const satisfies KindDefinition

export type LanguageModelSpec = z.infer<typeof spec>
export type LanguageModelStatus = z.infer<typeof status>
/** A LanguageModel as the API server gives it. */
export type LanguageModel = ApiObject<LanguageModelSpec, LanguageModelStatus>
/** The schema of a spec: the controller reports an object that fails it, and does not crash. */
export const languageModelSpec = spec
