import { expect, test } from 'vitest'
import { configMaps, events } from '../../core/kube/built-in-kinds.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { EventRecorder, referenceTo } from '../../core/kube/runtime/events.ts'
import { silentLogger } from '../support/silent-logger.ts'
import type { WorldOf } from './world.ts'

/** The server takes the Events that the recorder writes, and people can read them. */
export function eventSuite(world: WorldOf): void {
  test('events are accepted, repetitions as a series, and found under their object', async () => {
    const { client, namespace } = world()
    const object = await client.create(configMaps, { metadata: { namespace, name: 'told' } })
    let dropped = 0
    const recorder = new EventRecorder({
      client,
      clock,
      random,
      log: silentLogger,
      reportingController: 'guildhall.dev/operator',
      reportingInstance: 'operator-0',
      onDrop: () => {
        dropped += 1
      },
    })
    const stop = new AbortController()
    const running = recorder.run({ stop: stop.signal, abort: new AbortController().signal })
    const tell = (note: string) =>
      recorder.record({
        regarding: referenceTo(configMaps, object),
        type: 'Warning',
        reason: 'TestsFailed',
        action: 'Verify',
        note,
      })
    tell('two tests failed')
    await clock.sleep(500, {})
    for (let count = 0; count < 4; count += 1) tell('two tests failed')
    tell('x'.repeat(3_000))
    stop.abort()
    await running
    expect(dropped).toBe(0)

    const { items } = await client.list(events, { namespace })
    const repeated = items.find((event) => event.note === 'two tests failed')
    expect(repeated).toMatchObject({
      type: 'Warning',
      reason: 'TestsFailed',
      action: 'Verify',
      regarding: { kind: 'ConfigMap', name: 'told', uid: object.metadata.uid },
      series: { count: 5 },
    })
    expect(items.find((event) => event.note?.startsWith('xxx'))?.note).toHaveLength(1_022)

    // The way kubectl finds them.
    const described = await client.raw(
      'GET',
      `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.uid=${object.metadata.uid}`,
    )
    expect(described).toMatchObject({ items: [{ reason: 'TestsFailed' }, {}] })
  })
}
