import { expect, test } from 'vitest'
import { readGoal, type TryFlags } from './goal.ts'

const right: TryFlags = { repo: '.', goal: 'Add src/slug.js' }

test.each<[string, TryFlags, RegExp]>([
  ['no checkout', { goal: 'x' }, /^--repo is missing/],
  ['a checkout without a name', { ...right, repo: ' ' }, /^--repo is missing/],
  ['no goal', { repo: '.' }, /^--goal is empty/],
  ['a goal of blanks', { ...right, goal: ' \n\t ' }, /^--goal is empty/],
  ['a goal as long as a book', { ...right, goal: 'x'.repeat(20_000) }, /^--goal cannot be used/],
  ['no file among commas', { ...right, files: ' , ,' }, /^--files is empty/],
  ['a file above', { ...right, files: 'a.js,../x.js' }, /^--files \.\.\/x\.js is no path/],
  ['a file above, in the middle', { ...right, files: 'src/../../x.js' }, /^--files src/],
  ['an absolute path', { ...right, files: '/etc/passwd' }, /^--files \/etc\/passwd is no path/],
  ['a home', { ...right, files: '~/x.js' }, /^--files ~\/x\.js is no path/],
  ['a drive', { ...right, files: 'C:\\x.js' }, /^--files C:/],
  ['the git directory', { ...right, files: '.git/hooks/pre-commit' }, /^--files \.git/],
  ['the git directory in capitals', { ...right, files: 'a/.GIT/config' }, /^--files a\/\.GIT/],
  ['an option', { ...right, files: '-rf' }, /^--files -rf is no path/],
  ['a folder', { ...right, files: 'src/' }, /^--files src\/ is no path/],
  ['seven files', { ...right, files: 'a,b,c,d,e,f,g' }, /^--files names 7 files; .* at most 6/],
  ['tests without a type', { ...right, test: 'npm test' }, /^--test goes with --type coding/],
  ['tests for a tester', { ...right, type: 'testing', test: 'npm test' }, /^--test goes with/],
  ['a coder without tests', { ...right, type: 'coding' }, /^--type coding needs --test/],
  ['a coder with an empty command', { ...right, type: 'coding', test: ' ' }, /needs --test/],
  ['review', { ...right, type: 'review' }, /^--type review cannot be tried by itself: a review/],
  ['documentation', { ...right, type: 'documentation' }, /^--type documentation cannot be tried/],
  ['deployment', { ...right, type: 'deployment' }, /deploys nothing/],
  ['nobody', { ...right, type: 'baking' }, /^--type baking is no specialist/],
])('%s is a mistake of usage that names the flag', (_, flags, want) => {
  expect(() => readGoal(flags, '/home/ada')).toThrow(want)
  try {
    readGoal(flags, '/home/ada')
  } catch (error) {
    expect(error).toMatchObject({ exitCode: 2, next: expect.stringMatching(/^guild try/) })
  }
})

test('paths are meant from where the person stands, and files from the top of the checkout', () => {
  const goal = readGoal(
    { ...right, repo: 'app', files: './src/a.js, src/a.js ,b c.js' },
    '/home/ada',
  )
  expect(goal).toMatchObject({
    folder: '/home/ada/app',
    files: ['src/a.js', 'b c.js'],
    scope: 'chain',
  })
})
