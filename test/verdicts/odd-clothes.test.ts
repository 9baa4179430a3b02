// Right answers in odd clothes: each is taken as it is, at the first asking, and ends Done.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startPod, type TestPod } from '../../agent-image/testing/processes.ts'
import { token } from './chain.ts'
import { storiesOf, tellStory } from './stories.ts'

const stories = ['odd-node', 'odd-python'].flatMap((table) =>
  storiesOf(table).map((story) => ({ ...story, name: `${table}: ${story.kind}` })),
)
const accepted = new Set<string>()
let pod: TestPod
beforeAll(async () => {
  pod = await startPod(token)
})
afterAll(async () => {
  await pod.close()
  console.log(`odd clothes: ${accepted.size} of ${stories.length} accepted`)
})

it('tells at least 40 stories', () => expect(stories.length).toBeGreaterThanOrEqual(40))

it.each(stories.map((story) => [story.name, story] as const))('%s', async (_name, story) => {
  const { told, words } = await tellStory(story, pod, { signal: AbortSignal.timeout(150_000) })
  expect(told.verdict, words).toBe('Done')
  expect([told.asked.get('spec'), told.asked.get('code')], words).toEqual([1, 1])
  accepted.add(story.name)
})
