// A mistake in a spec is answered in words: a person cannot be asked to read a regular expression.
import { expect, test } from 'vitest'
import { languageModels } from '../core/api/kinds.ts'
import { KubeError } from '../core/kube/errors.ts'
import type { KubeObject, Resource } from '../core/kube/resource.ts'
import { namespace, requests, start } from '../test/support/simulated-server.ts'

const models: Resource<KubeObject & { readonly spec: object }> = {
  ...languageModels,
  object: undefined,
}
const unit = { name: 'a', goal: 'g', files: ['src/a.js'], doneWhen: 'w' }
const planned = (over: object) => ({ request: 'x', plan: { units: [{ ...unit, ...over }] } })
const from = (source: object) => ({ request: 'x', source })

async function refusalOf(kind: 'request' | 'model', spec: object): Promise<string | undefined> {
  const { client } = start()
  const draft = { metadata: { namespace, name: 'a' }, spec }
  try {
    await (kind === 'request' ? client.create(requests, draft) : client.create(models, draft))
    return undefined
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 422) throw error
    return error.causes.map(({ field, message }) => `${field}: ${message}`).join('; ')
  }
}

test.each<[string, 'request' | 'model', object, RegExp]>([
  [
    'a path that leaves the repository',
    'request',
    planned({ files: ['../x.js'] }),
    /^spec\.plan\.units\[0\]\.files\[0\]: .*a path has letters/,
  ],
  [
    'a path from the root',
    'request',
    planned({ files: ['/etc/passwd'] }),
    /stays inside the repository/,
  ],
  [
    'a path into .git',
    'request',
    planned({ files: ['a/.GIT/config'] }),
    /stays inside the repository/,
  ],
  ['a path with a backslash', 'request', planned({ files: ['a\\b'] }), /a path has letters/],
  [
    'a unit with capitals',
    'request',
    planned({ name: 'Slug' }),
    /units\[0\]\.name: .*small letters/,
  ],
  [
    'an earlier unit with blanks',
    'request',
    planned({ after: ['a b'] }),
    /after\[0\]: .*small letters/,
  ],
  [
    'ssh',
    'request',
    from({ git: { url: 'git@github.com:a/b.git' } }),
    /spec\.source\.git\.url: .*http, https or git, .*; ssh is not supported/,
  ],
  [
    'ssh as an address',
    'request',
    from({ git: { url: 'ssh://git@h/a.git' } }),
    /ssh is not supported/,
  ],
  [
    'a password',
    'request',
    from({ git: { url: 'https://u:p@h/a.git' } }),
    /without a name or a password/,
  ],
  ['a word for an address', 'request', from({ git: { url: 'x' } }), /http, https or git/],
  [
    'a branch with a blank',
    'request',
    from({ git: { url: 'https://h/a', ref: 'my branch' } }),
    /git\.ref: .*a branch or tag has no blanks/,
  ],
  [
    'a branch with a backslash',
    'request',
    from({ git: { url: 'https://h/a', ref: 'a\\b' } }),
    /a branch or tag has no blanks/,
  ],
  [
    'a repository with a dot',
    'request',
    from({ repository: { name: 'a.b' } }),
    /repository\.name: .*small letters/,
  ],
  [
    'a model with a blank',
    'request',
    { request: 'x', model: 'qwen coder' },
    /spec\.model: .*as in qwen2\.5-coder:7b/,
  ],
  [
    'a model of a LanguageModel',
    'model',
    { model: ':7b' },
    /spec\.model: .*as in qwen2\.5-coder:7b/,
  ],
  [
    'a digest',
    'model',
    { model: 'a', source: 'blob', blob: { digest: 'abc' } },
    /blob\.digest: .*64 digits/,
  ],
  [
    'an endpoint',
    'model',
    { model: 'a', endpoint: 'host:80' },
    /spec\.endpoint: .*address of http or https/,
  ],
])('%s is refused in words, not in a pattern', async (_, kind, spec, want) => {
  const told = await refusalOf(kind, spec)
  expect(told).toMatch(want)
  expect(told).not.toMatch(/should match|\(\?|\\p\{|\[a-z|\^\[/i)
  expect(told?.length).toBeLessThan(500)
})

test.each<[string, 'request' | 'model', object]>([
  [
    'paths of any script',
    'request',
    planned({ files: ['src/größe.js', 'ソース/ファイル (1).py', '.github/a.yml', '.gitignore'] }),
  ],
  [
    'https, a port and a query',
    'request',
    from({ git: { url: 'https://h:8443/a/b.git?x=1', ref: 'release/2.0' } }),
  ],
  ['git', 'request', from({ git: { url: 'git://h/a.git', ref: 'größe' } })],
  ['a model with a registry', 'request', { request: 'x', model: 'hf.co/a/b:Q4_K_M' }],
  [
    'a blob',
    'model',
    { model: 'a', source: 'blob', blob: { digest: `sha256:${'0f'.repeat(32)}` } },
  ],
  ['an endpoint', 'model', { model: 'a', endpoint: 'http://vllm:8000' }],
])('%s is taken', async (_, kind, spec) => {
  expect(await refusalOf(kind, spec)).toBeUndefined()
})
