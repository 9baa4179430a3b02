import { describe, expect, test } from 'vitest'
import { imageReference, parseImageNames } from './image-names.ts'

describe('parseImageNames', () => {
  test('means all images when none is typed', () => {
    expect(parseImageNames([])).toEqual(['operator', 'agent', 'rehearsal', 'ollama'])
  })

  test('puts typed names in build order, each once', () => {
    expect(parseImageNames(['ollama', 'agent', 'ollama'])).toEqual(['agent', 'ollama'])
  })

  test('refuses an unknown name and lists the known ones', () => {
    expect(() => parseImageNames(['agent', 'opperator'])).toThrow(
      'there is no image named opperator; the images are: operator, agent, rehearsal, ollama',
    )
  })
})

test('a reference holds the version and ten digits of the content hash', () => {
  const hash = `3f2a91c0d4${'0'.repeat(54)}`
  expect(imageReference('agent', '0.1.0', hash)).toBe('guildhall.dev/agent:0.1.0-3f2a91c0d4')
})
