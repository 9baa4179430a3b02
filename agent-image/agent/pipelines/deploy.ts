import type { Pipeline } from './pipeline.ts'

/** This version does not deploy. It says so at once and does nothing. */
export const deploy: Pipeline = () =>
  Promise.resolve({
    verdict: 'Refused',
    summary: 'This version does not deploy anything.',
    failure: {
      reason: 'Unsupported',
      message:
        'Guildhall cannot deploy yet. The finished work is on the request’s branch; deploy it with your own pipeline.',
    },
  })
