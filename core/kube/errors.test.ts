import { describe, expect, test } from 'vitest'
import {
  errorFromAnswer,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  isTransient,
  KubeError,
} from './errors.ts'

const predicates = {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  isTransient,
}

describe('an answer', () => {
  test.each([
    [404, 'NotFound', ['isNotFound']],
    [409, 'Conflict', ['isConflict']],
    [409, 'AlreadyExists', ['isAlreadyExists']],
    [410, 'Expired', ['isGone']],
    [403, 'Forbidden', ['isForbidden']],
    [422, 'Invalid', ['isInvalid']],
    [429, 'TooManyRequests', ['isTooManyRequests', 'isTransient']],
    [500, 'InternalError', ['isTransient']],
    [503, 'ServiceUnavailable', ['isTransient']],
    [400, 'BadRequest', []],
  ])('%i %s satisfies exactly %s', (status, reason, want) => {
    const error = errorFromAnswer('GET /x', status, { kind: 'Status', reason, message: 'm' })
    const holds = Object.entries(predicates).filter(([, predicate]) => predicate(error))
    expect(holds.map(([name]) => name)).toEqual(want)
    expect(error.message).toBe('GET /x: m')
  })

  test.each([
    ['plain text', 'no healthy upstream', 503, 'ServiceUnavailable', 'no healthy upstream'],
    ['nothing', undefined, 409, 'Conflict', 'HTTP status 409'],
    ['odd JSON', { reason: 7, details: { causes: 'x' } }, 418, 'Http418', 'HTTP status 418'],
  ])('of %s is still understood', (_, body, status, wantReason, wantText) => {
    const error = errorFromAnswer('GET /x', status, body)
    expect(error).toMatchObject({ reason: wantReason, message: `GET /x: ${wantText}`, causes: [] })
  })

  test.each([
    ['the header', {}, '2', 2000],
    ['the body', { details: { retryAfterSeconds: 3 } }, undefined, 3000],
    ['a date, which is not used', {}, 'Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['the header, at once', {}, '0', 0],
    ['neither', {}, undefined, undefined],
    ['an empty header, which says nothing', {}, ' ', undefined],
    ['the body beside an empty header', { details: { retryAfterSeconds: 3 } }, '', 3000],
  ])('tells when to come back by %s', (_, body, header, want) => {
    expect(errorFromAnswer('GET /x', 429, body, header).retryAfterMs).toBe(want)
  })
})

test('a request without an answer is transient', () => {
  expect(isTransient(new KubeError({ status: 0, reason: 'Unreachable', message: 'x' }))).toBe(true)
  expect(isTransient(new Error('x'))).toBe(false)
})
