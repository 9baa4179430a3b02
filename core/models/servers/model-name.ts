/**
 * True when a server that holds `held` answers for `wanted`.
 * Ollama reads a name without a tag as `:latest`, fills in its own registry and the namespace `library`, and does not
 * tell upper from lower case.
 */
export function sameModel(held: string, wanted: string): boolean {
  return fullName(held) === fullName(wanted)
}

/**
 * True for a name that Ollama takes for a model of its vendor's cloud: asking it would send prompts out of the cluster.
 * The rule is Ollama's own (`isCloudModelName`): the name ends in `:cloud` or `-cloud`. Caveat: a cloud model that was
 * copied to another name does not show here; `HeldModel.remoteHost` tells.
 */
export function isCloudName(name: string): boolean {
  return /[:-]cloud$/i.test(name)
}

function fullName(name: string): string {
  const path = name.toLowerCase().replace(/^https?:\/\//, '')
  // A colon before the last slash is the port of a registry.
  const tagged = path.lastIndexOf(':') > path.lastIndexOf('/') ? path : `${path}:latest`
  const parts = tagged.split('/')
  if (parts.length === 1) parts.unshift('library')
  if (parts.length === 2) parts.unshift('registry.ollama.ai')
  return parts.join('/')
}
