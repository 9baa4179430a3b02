import { describe, expect, it } from 'vitest'
import { transforms } from './transforms.ts'

describe('transforms', () => {
  it.each(transforms)('$name: turns the example before into the example after', (transform) => {
    const got = transform.apply(transform.before)

    expect(got).toEqual(transform.after)
    expect(Object.keys(got)).toEqual(Object.keys(transform.after))
  })

  it.each(transforms)('$name: leaves its own result as it is', (transform) => {
    expect(transform.apply(transform.after)).toEqual(transform.after)
  })

  it.each(transforms)('$name: has an example that changes something', ({ before, after }) => {
    expect(JSON.stringify(before)).not.toEqual(JSON.stringify(after))
  })
})
