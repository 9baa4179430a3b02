import { Refusal } from './wire.ts'

const unitMs = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const onePart = /([\d.]+)(ns|us|µs|ms|s|m|h)/g

/**
 * `keep_alive` in milliseconds: seconds as a number, or a duration as Go writes it; below zero is for ever.
 * Ollama's five minutes when it is absent. A `Refusal` for what is no duration.
 */
export function keepAliveMs(value: unknown): number {
  if (value === undefined || value === null) return 5 * 60_000
  if (typeof value === 'number') return value < 0 ? Infinity : value * 1000
  if (typeof value === 'string') {
    const text = value.replace(/^[+-]/, '')
    const whole = text === '0' || text.replaceAll(onePart, '') === ''
    if (text !== '' && whole) {
      if (value.startsWith('-')) return Infinity
      return [...text.matchAll(onePart)].reduce(
        (sum, [, figure, unit]) => sum + Number(figure) * unitMs[unit as keyof typeof unitMs],
        0,
      )
    }
    throw new Refusal(400, `time: invalid duration ${JSON.stringify(value)}`)
  }
  throw new Refusal(400, `Unsupported type: '${typeof value}'`)
}
