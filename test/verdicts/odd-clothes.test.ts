// Right answers in an unusual form: each is taken as it is, after the first question, and ends
// Done.
import { afterAll, test } from 'vitest'
import { storiesOf, tellStory, usePods } from './stories.ts'
import { todaysShare } from '../../hack/lanes/lanes.ts'

const stories = ['odd-node', 'odd-python'].flatMap((table) =>
  storiesOf(table).map((story) => ({ ...story, name: `${table}: ${story.kind}` })),
)
const toldOf: string[] = []
const accepted: string[] = []
afterAll(() => console.log(`odd clothes: ${accepted.length} of ${toldOf.length} accepted`))
const withPod = usePods()

test('tells at least 40 stories', ({ expect }) => {
  expect(stories.length).toBeGreaterThanOrEqual(40)
})

test.concurrent.for(
  todaysShare('odd clothes', stories, 'verdicts').map((story) => [story.name, story] as const),
)('%s', async ([name, story], { expect }) => {
  toldOf.push(name)
  const { told, words } = await withPod((pod) =>
    tellStory(story, pod, { signal: AbortSignal.timeout(150_000) }),
  )
  expect(told.verdict, words).toBe('Done')
  expect([told.asked.get('spec'), told.asked.get('code')], words).toEqual([1, 1])
  accepted.push(name)
})
