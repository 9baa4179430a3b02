/** The figures of a set of samples. Same unit as the samples; NaN when there are none. */
export interface Summary {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/**
 * The nearest-rank percentile: the smallest sample that at least `percent` of all samples do not
 * exceed.
 * Guarantees: the answer is one of the samples, never an interpolation. NaN when there are none.
 */
export function percentile(samples: readonly number[], percent: number): number {
  return ranked(samples.toSorted(ascending), percent)
}

/** Count, median, tail and maximum of samples in any order. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted(ascending)
  return {
    count: sorted.length,
    p50: ranked(sorted, 50),
    p90: ranked(sorted, 90),
    p99: ranked(sorted, 99),
    max: sorted.at(-1) ?? Number.NaN,
  }
}

/** The middle of a few repetitions; the lower one of an even number. */
export function median(samples: readonly number[]): number {
  return percentile(samples, 50)
}

/** How many times `value` is `base`; NaN when there is no base to compare with. */
export function ratio(value: number, base: number): number {
  return base > 0 ? value / base : Number.NaN
}

const ascending = (a: number, b: number): number => a - b

function ranked(sorted: readonly number[], percent: number): number {
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? Number.NaN
}
