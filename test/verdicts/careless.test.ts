// Careless but honest models: whatever they answer, wrong work never ends Done, and a person is told a true reason.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startPod, type TestPod } from '../../agent-image/testing/processes.ts'
import { token } from './chain.ts'
import { isSuccess, storiesOf, tellStory } from './stories.ts'

const stories = ['careless-node-specs', 'careless-node-code', 'careless-python'].flatMap((table) =>
  storiesOf(table).map((story) => ({ ...story, name: `${table}: ${story.kind}` })),
)
const toldOf: string[] = []
const falseDone: string[] = []
let pod: TestPod
beforeAll(async () => {
  pod = await startPod(token)
})
afterAll(async () => {
  await pod.close()
  console.log(`careless: ${toldOf.length} stories, ${falseDone.length} false Done`)
})

it('tells at least 60 stories', () => expect(stories.length).toBeGreaterThanOrEqual(60))

it.each(stories.map((story) => [story.name, story] as const))('%s', async (_name, story) => {
  const ending = await tellStory(story, pod, { signal: AbortSignal.timeout(150_000) })
  toldOf.push(story.name)
  if (isSuccess(ending)) falseDone.push(story.name)
  expect.soft(ending.told.verdict, ending.words).toBe(story.verdict)
  if (story.ends !== undefined) expect.soft(ending.ends, ending.words).toBe(story.ends)
  expect.soft(ending.words).toMatch(new RegExp(story.says))
})
