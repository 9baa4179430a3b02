import { expect, test } from 'vitest'
import { pullProblem } from './pull.ts'
import { ModelError } from '../errors.ts'

test.each([
  {
    name: 'a full volume',
    said: 'write /root/.ollama/models/blobs/sha256-ab-partial: no space left on device',
    want: /no space left for x:1b on the volume.*make the volume larger/,
  },
  {
    name: 'a name the registry does not know',
    said: 'pull model manifest: file does not exist',
    want: /does not know the model x:1b.*correct spec\.model/,
  },
  {
    name: 'no way out of the cluster',
    said: 'pull model manifest: Get "https://registry.ollama.ai/v2/library/x/manifests/1b": dial tcp: lookup registry.ollama.ai on 10.96.0.10:53: no such host',
    want: /cannot reach the registry.*spec\.source: preloaded or blob/,
  },
  {
    name: 'a firewall',
    said: 'Get "https://registry.ollama.ai/v2/": dial tcp 104.21.75.227:443: i/o timeout',
    want: /cannot reach the registry/,
  },
  {
    name: 'a line that keeps breaking',
    said: 'max retries exceeded: unexpected EOF',
    want: /cannot reach the registry/,
  },
  {
    name: 'damage on the way',
    said: 'digest mismatch, file must be downloaded again: want sha256:a, got sha256:b',
    want: /was damaged on the way/,
  },
  {
    name: 'a blob that nobody uploaded',
    said: 'open /root/.ollama/models/blobs/sha256-ab: no such file or directory',
    want: /does not hold the file of weights for x:1b.*spec\.blob\.digest/,
  },
  {
    name: 'a blob that is no model',
    said: 'supplied file was not in GGUF format',
    want: /no GGUF file/,
  },
  {
    name: 'anything else, in the words of the server',
    said: 'pull model manifest: 412: requires a newer version of Ollama',
    want: /^the model server could not get x:1b: pull model manifest: 412: requires a newer version/,
  },
])('$name is told in a sentence', ({ said, want }) => {
  const problem = pullProblem(new Error(said), 'x:1b')
  expect(problem).toMatch(want)
  expect(problem).toContain(said)
})

test('a model server that cannot be reached is not taken for the registry', () => {
  const message = 'the model server at http://x cannot be reached: connect ECONNREFUSED'
  const cause = new Error('connection refused')
  expect(pullProblem(new ModelError('ModelUnavailable', message, { cause }), 'x:1b')).toBe(message)
})
