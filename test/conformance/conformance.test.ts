import { afterAll, beforeAll, describe } from 'vitest'
import { backends, type Backend, type RunningBackend } from './backend.ts'
import { serveKind } from './definitions.ts'
import { disturbanceSuite, restartSuite } from './disturbances.ts'
import { electionSuite, replicaSuite } from './election.ts'
import { eventSuite } from './events.ts'
import { informerSuite, watchSuite } from './informers.ts'
import { kindSuite } from './kinds.ts'
import { verbSuite } from './verbs.ts'
import { createWorld, destroyWorld, widgetDefinition, type World, type WorldOf } from './world.ts'

const suites: Readonly<Record<string, (world: WorldOf, backend: Backend) => void>> = {
  verbs: verbSuite,
  watches: watchSuite,
  informers: informerSuite,
  disturbances: disturbanceSuite,
  election: electionSuite,
  events: eventSuite,
  kinds: kindSuite,
  replicas: replicaSuite,
  restarts: restartSuite,
}

for (const backend of backends()) {
  if (backend.unavailable !== undefined) {
    console.warn(`skipped: ${backend.name}: ${backend.unavailable}`)
  }
  describe.skipIf(backend.unavailable !== undefined)(backend.name, () => {
    let running: RunningBackend
    beforeAll(async () => {
      running = await backend.start()
      const world = await createWorld(running, 'setup')
      await serveKind(world.client, widgetDefinition)
      await destroyWorld(world)
    })
    afterAll(async () => {
      await running?.stop()
    })

    for (const [part, suite] of Object.entries(suites)) {
      describe(part, () => {
        let world: World
        beforeAll(async () => {
          world = await createWorld(running, part)
        })
        afterAll(async () => {
          await destroyWorld(world)
        })
        suite(() => world, backend)
      })
    }
  })
}
