const part = String.raw`\w[\w.-]{0,79}`
const shape = new RegExp(
  String.raw`^(?:(?:(?<host>\w[\w.:-]{0,349})/)?(?<space>\w[\w-]{0,79})/)?(?<model>${part})(?::(?<tag>${part}))?$`,
)

/** The parts of a model's name, with what Ollama adds where one is left out. */
export interface ModelName {
  /** As it is listed: `codellama` is `codellama:latest`. */
  readonly full: string
  /** As it stands in some of Ollama's messages: `registry.ollama.ai/library/codellama:latest`. */
  readonly qualified: string
  readonly host: string
  /** `library/codellama`. */
  readonly path: string
  readonly tag: string
}

/** Reads a name; undefined for what Ollama does not take for one. */
export function modelName(name: string): ModelName | undefined {
  const found = shape.exec(name)?.groups
  if (found?.['model'] === undefined) return undefined
  const { host = 'registry.ollama.ai', space = 'library', model, tag = 'latest' } = found
  const path = `${space}/${model}`
  const ours = host === 'registry.ollama.ai'
  const shown = ours ? (space === 'library' ? model : path) : `${host}/${path}`
  return { full: `${shown}:${tag}`, qualified: `${host}/${path}:${tag}`, host, path, tag }
}
