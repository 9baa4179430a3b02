// Careless but honest models: whatever they answer, wrong work never ends Done, and the reason for
// a person is true.
import { afterAll, test } from 'vitest'
import { isSuccess, storiesOf, tellStory, usePods } from './stories.ts'
import { todaysShare } from '../../hack/lanes/lanes.ts'

const stories = ['careless-node-specs', 'careless-node-code', 'careless-python'].flatMap((table) =>
  storiesOf(table).map((story) => ({ ...story, name: `${table}: ${story.kind}` })),
)
const toldOf: string[] = []
const falseDone: string[] = []
afterAll(() => console.log(`careless: ${toldOf.length} stories, ${falseDone.length} false Done`))
const withPod = usePods()

test('tells at least 60 stories', ({ expect }) => {
  expect(stories.length).toBeGreaterThanOrEqual(60)
})

test.concurrent.for(
  todaysShare('careless', stories, 'verdicts').map((story) => [story.name, story] as const),
)('%s', async ([name, story], { expect }) => {
  const ending = await withPod((pod) =>
    tellStory(story, pod, { signal: AbortSignal.timeout(150_000) }),
  )
  toldOf.push(name)
  if (isSuccess(ending)) falseDone.push(name)
  expect.soft(ending.told.verdict, ending.words).toBe(story.verdict)
  if (story.ends !== undefined) expect.soft(ending.ends, ending.words).toBe(story.ends)
  expect.soft(ending.words).toMatch(new RegExp(story.says))
})
