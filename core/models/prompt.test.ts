import { describe, expect, test } from 'vitest'
import { createCalibration, estimateTokens, fitCalibrated, fitPrompt } from './prompt.ts'
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

const prompt = (chars: number) => ({ system: '', user: 'x'.repeat(chars) })

describe('calibration', () => {
  test('is cautious until a server has counted, and then goes by what is usual', () => {
    const calibration = createCalibration()
    expect(calibration.charsPerToken()).toBe(2)
    calibration.learn(prompt(4000), 1000)
    expect(calibration.charsPerToken()).toBe(3)
  })

  test('believes at once that tokens are shorter, and slowly that they are longer', () => {
    const calibration = createCalibration()
    calibration.learn(prompt(2000), 1000)
    expect(calibration.charsPerToken()).toBe(2)
    calibration.learn(prompt(4000), 1000)
    expect(calibration.charsPerToken()).toBeCloseTo(2.075)
  })

  test('is not misled by a server that leaves out cached tokens', () => {
    const calibration = createCalibration()
    for (let round = 0; round < 500; round++) calibration.learn(prompt(100_000), 100)
    expect(calibration.charsPerToken()).toBeLessThanOrEqual(3.5)
  })

  test('gives way when the server refuses a prompt that should have fitted', () => {
    const calibration = createCalibration()
    calibration.learn(prompt(4000), 1000)
    calibration.distrust()
    expect(calibration.charsPerToken()).toBe(2.25)
  })

  test('is not led astray by a prompt in another script, whose signs are a token each', () => {
    const calibration = createCalibration()
    calibration.learn({ system: 'x'.repeat(300), user: '你好'.repeat(500) }, 1100)
    expect(calibration.charsPerToken()).toBe(3)
    expect(estimateTokens('你好 abcdef', 3.5)).toBe(4)
  })
})

test('a prompt that cannot do with less is let through while nobody has counted, and not after', () => {
  const parts = { ...base, sections: [section('A', 2000, true)] }
  const calibration = createCalibration()
  expect(fitCalibrated(parts, calibration).estimatedTokens).toBeLessThan(720)
  calibration.learn(prompt(2100), 1000)
  expect(() => fitCalibrated(parts, calibration)).toThrow(ModelError)
})
