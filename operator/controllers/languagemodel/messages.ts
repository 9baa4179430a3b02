// The messages about a model. Each names the next thing to do where there is one.
import type { LanguageModelSpec, Tier } from '../../../core/api/language-model.ts'
import { inGiB } from '../../../core/models/servers/model.ts'
import type { PullState } from '../../../core/models/fleet/fleet.ts'

const preload = (model: string, namespace: string): string =>
  `kubectl exec -n ${namespace} statefulset/guildhall-ollama -- ollama pull ${model}`

export const words = {
  invalid: (problem: string) => `the spec cannot be used: ${problem}`,
  duplicate: (model: string, first: string) =>
    `LanguageModel ${first} names ${model} too, and comes first; delete one of the two`,
  unreachable: (problem: string, namespace: string) =>
    `${problem}. Look at: kubectl get pods -n ${namespace} -l app.kubernetes.io/component=ollama; it is tried again by itself`,
  preloaded: (model: string, namespace: string, airGapped: boolean) =>
    airGapped
      ? `the model server does not hold ${model}, and this installation pulls nothing. Copy it in, as docs/models.md shows`
      : `the model server does not hold ${model}. Pull it: ${preload(model, namespace)}, or set spec.source to pull`,
  airGapped: (model: string) =>
    `the model server does not hold ${model}, and airGapped forbids pulling it. Copy it in, as docs/models.md shows, and set spec.source to preloaded or blob`,
  cloud: (model: string) =>
    `${model} is a model of the vendor’s cloud, which would send prompts out of the cluster. Name a local one, e.g. qwen2.5-coder:7b`,
  remote: (model: string, host: string) =>
    `${model} does not run in this server: prompts would be sent to ${host}. Name a model that does, e.g. qwen2.5-coder:7b`,
  pulling: (model: string, pull: PullState | undefined) =>
    pull?.kind === 'running'
      ? `${model} is being pulled: ${pull.status}, ${pull.percent} %`
      : `${model} is being pulled`,
  lacking: (servers: number, problem: string) =>
    `${servers === 1 ? 'one of its servers lacks' : `${servers} of its servers lack`} it: ${problem}`,
  memory: (spec: LanguageModelSpec, needed: number, there: number) =>
    `${spec.model} needs about ${inGiB(needed)} with a context of ${spec.contextTokens} tokens times ${spec.parallel}, and the model server has ${inGiB(there)}. Lower spec.contextTokens or spec.parallel, take a smaller model, or raise ollama.resources in the chart`,
  testing: (model: string) => `${model} is loaded and asked three short questions`,
  untested: (model: string, problem: string) =>
    `${model} could not be tested: ${problem}; it is tried again by itself`,
  given: (model: string, tier: Tier) =>
    tier === 'weak'
      ? `${model} can be used; spec.tier says that it is weak, so plans are made without it and most tasks will fail`
      : `${model} can be used; spec.tier says that it is ${tier}`,
  ready: (model: string) => `${model} can be used`,
} as const
