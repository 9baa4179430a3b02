import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { LeaderLabel } from './leader-label.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'

/** A label, what was written to its Pod, and an API server that may refuse. */
function labelled(refusal?: KubeError) {
  const clock = new VirtualClock()
  const written: unknown[] = []
  const api = { refusal }
  const label = new LeaderLabel({
    client: {
      patch: async (_kind: unknown, _at: unknown, { body }: { body: unknown }) => {
        if (api.refusal !== undefined) throw api.refusal
        const { metadata } = body as { metadata: { labels: Record<string, unknown> } }
        written.push(metadata.labels['guildhall.dev/leader'])
      },
    } as unknown as ConstructorParameters<typeof LeaderLabel>[0]['client'],
    namespace: 'n',
    podName: 'operator',
    clock,
    log: silentLogger,
  })
  const stop = new AbortController()
  const running = label.run({ stop: stop.signal, abort: new AbortController().signal })
  return { label, clock, written, api, stop: async () => (stop.abort(new Error('stop')), running) }
}

test('the label follows the election, and is gone at the end', async () => {
  const { label, clock, written, stop } = labelled()
  await clock.advance(0)
  label.follow(true)
  await clock.advance(0)
  label.follow(true)
  await clock.advance(0)
  label.follow(false)
  await clock.advance(0)
  label.follow(true)
  await clock.advance(0)
  await stop()
  expect(written).toEqual([null, 'true', null, 'true', null])
})

test('an API server that refuses is asked again, and the process lives on', async () => {
  const { label, clock, written, api, stop } = labelled(
    new KubeError({ status: 503, reason: 'ServiceUnavailable', message: 'no' }),
  )
  label.follow(true)
  await clock.advance(5_000)
  expect(written).toEqual([])
  api.refusal = undefined
  await clock.advance(1_000)
  expect(written).toEqual(['true'])
  await stop()
})

test('a process without a Pod goes on', async () => {
  const { label, clock, stop } = labelled(
    new KubeError({ status: 404, reason: 'NotFound', message: 'no' }),
  )
  label.follow(true)
  await clock.advance(10_000)
  await stop()
})
