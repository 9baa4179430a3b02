import { ModelError } from '../errors.ts'
import { networkReason } from './transport.ts'

const inAirGap =
  'without a way to the registry, upload the weights yourself and use spec.source: preloaded or blob'

const problems: readonly { readonly words: RegExp; readonly sentence: (name: string) => string }[] =
  [
    {
      words: /no space left|disk quota exceeded|not enough space/i,
      sentence: (name) =>
        `there is no space left for ${name} on the volume of the model server; make the volume larger or remove models that nobody uses`,
    },
    {
      words: /file does not exist|manifest unknown|\b404\b|name unknown/i,
      sentence: (name) =>
        `the registry does not know the model ${name}; look its name up at https://ollama.com/library and correct spec.model`,
    },
    {
      words:
        /no such host|server misbehaving|connection (?:refused|reset)|network is unreachable|no route to host|i\/o timeout|TLS handshake|x509|proxyconnect|deadline exceeded|dial tcp|\bEOF\b/i,
      sentence: (name) =>
        `the model server cannot reach the registry to pull ${name}; let it out to the registry, or ${inAirGap}`,
    },
    {
      words: /digest mismatch/i,
      sentence: (name) =>
        `what came for ${name} was damaged on the way and was thrown away; it is fetched again`,
    },
    {
      words: /\bblob .*not found|no such file or directory/i,
      sentence: (name) =>
        `the model server does not hold the file of weights for ${name}; upload it, and compare spec.blob.digest with sha256sum`,
    },
    {
      words: /not in GGUF format|unknown type|unsupported architecture/i,
      sentence: (name) =>
        `the uploaded file for ${name} is no GGUF file that this server can read; upload one, and correct spec.blob.digest`,
    },
  ]

/** Says in a sentence why a download failed and what to do; the server's words go with it. */
export function downloadProblem(error: unknown, name: string): string {
  const said = networkReason(error)
  // The way to the model server itself: its words say nothing about the registry.
  if (error instanceof ModelError) return error.message
  const known = problems.find(({ words }) => words.test(said))
  return known === undefined
    ? `the model server could not get ${name}: ${said}`
    : `${known.sentence(name)} (it said: ${said.slice(0, 200)})`
}
