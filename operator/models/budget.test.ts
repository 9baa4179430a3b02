import { describe, expect, test } from 'vitest'
import { createCalibration, fitPrompt } from './budget.ts'
import { ModelError } from './errors.ts'

const section = (title: string, chars: number, must = false) => ({
  title,
  text: 'x'.repeat(chars),
  must,
})
const base = {
  system: 's',
  instruction: 'Do it.',
  contextTokens: 1000,
  maxTokens: 200,
  charsPerToken: 3,
}

const fitTooMuch = () => fitPrompt({ ...base, sections: [section('A', 9000, true)] })

describe('fitPrompt', () => {
  test('keeps everything that fits, the instruction as the last line', () => {
    const fitted = fitPrompt({ ...base, sections: [section('A', 10), section('B', 10)] })
    expect(fitted.user).toBe(`## A\n${'x'.repeat(10)}\n\n## B\n${'x'.repeat(10)}\n\nDo it.`)
    expect(fitted.dropped).toEqual([])
  })

  test('drops the last sections that need not be there, and no other', () => {
    const sections = [
      section('A', 900),
      section('B', 900),
      section('C', 900),
      section('D', 900, true),
    ]
    const fitted = fitPrompt({ ...base, sections })
    expect(fitted.dropped).toEqual(['B', 'C'])
    expect(fitted.user).toContain('## D')
    // 1000 less the answer less 8 percent.
    expect(fitted.estimatedTokens).toBeLessThanOrEqual(720)
  })

  test('says so when what must be there is too long', () => {
    expect(fitTooMuch).toThrow(ModelError)
    expect(fitTooMuch).toThrow(/about 30\d\d tokens/)
  })
})

describe('calibration', () => {
  test('believes at once that tokens are shorter, and slowly that they are longer', () => {
    const calibration = createCalibration()
    calibration.learn(2000, 1000)
    expect(calibration.charsPerToken()).toBe(2)
    calibration.learn(4000, 1000)
    expect(calibration.charsPerToken()).toBeCloseTo(2.075)
  })

  test('is not misled by a server that leaves out cached tokens', () => {
    const calibration = createCalibration()
    for (let round = 0; round < 500; round++) calibration.learn(100_000, 100)
    expect(calibration.charsPerToken()).toBeLessThanOrEqual(3.5)
  })
})
