/** One line of a Prometheus text answer. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Reads the samples of some families; comments, other families and what is no sample are passed over. */
export function parseSamples(text: string, names: ReadonlySet<string>): readonly Sample[] {
  return text.split('\n').flatMap((row) => {
    const [, name, labels = '', value] = line.exec(row) ?? []
    if (name === undefined || !names.has(name)) return []
    const number = Number(value)
    if (Number.isNaN(number)) return []
    return [{ name, labels: parseLabels(labels), value: number }]
  })
}

/** The sum of a family, over all its labels. */
export function total(samples: readonly Sample[], name: string): number {
  return samples.reduce((sum, sample) => sum + (sample.name === name ? sample.value : 0), 0)
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(label)].map(([, name = '', value = '']) => [name, unescape(value)]),
  )
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_whole, mark: string) => (mark === 'n' ? '\n' : mark))
}
