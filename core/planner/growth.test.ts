// No request and no answer of a model, however odd, makes planning slower than its length says.
import { expectLinear } from '../../test/support/growth.ts'
import { cutText, faithfulLine, faithfulText } from '../api/faithful-text.ts'
import { plainLine } from '../api/plain-text.ts'
import { literalsOf } from '../api/literals.ts'
import { examplesOf } from './examples.ts'
import { exportsOf, type RepositoryFacts } from './facts.ts'
import { defaultFile, isDocument, isTest, languageOf } from './language.ts'
import {
  codePathsOf,
  documentPathsOf,
  isAboutRoutes,
  isAboutSecurity,
  mentionsOf,
  missingFrom,
  namesPath,
} from './mentions.ts'
import { label, unitName } from './names.ts'
import { lostExamples, withOwnWords } from './own-words.ts'
import { meantPath, safePath } from './paths.ts'
import { unusablePaths } from './path-words.ts'
import { sentencesOf } from './sentences.ts'
import { oneUnit, unitsByName } from './units-by-rule.ts'
import { addMissing, checkUnits, fileReader } from './units.ts'

const facts: RepositoryFacts = {
  files: ['package.json', 'src/a.js', 'src/app/(shop)/cart.js', 'src/größe.js'],
  truncated: false,
  language: 'node',
  languageAssumed: false,
  manifest: '',
  readme: '',
  symbols: [{ file: 'src/a.js', names: ['a', 'f'] }],
}
const units = [
  { name: 'a', goal: 'a(text) makes a', files: ['src/a.js'], doneWhen: 'it works' },
  { name: 'f', goal: 'f(text) makes f', files: ['src/f.js'], doneWhen: 'a("b") is "c"' },
]
const answer = (text: string) => ({
  a_units: [
    { a_goal: text, b_files: [text, 'src/x.js'], c_done_when: text, d_after: 0 },
    { a_goal: 'f(text)', b_files: ['src/f.js'], c_done_when: text, d_after: 1 },
  ],
  b_docs: false,
  c_deploy: false,
})

expectLinear('literalsOf', literalsOf)
expectLinear('faithfulText, faithfulLine and cutText', (text) => {
  faithfulText(text, 2000)
  faithfulLine(text, 2000)
  cutText(text, 2000)
  plainLine(text, 200)
})
expectLinear('sentencesOf', sentencesOf)
expectLinear('examplesOf', examplesOf)
expectLinear('mentionsOf', (text) => missingFrom(mentionsOf(text, facts.files), [text]))
expectLinear('codePathsOf, documentPathsOf and unusablePaths', (text) => {
  codePathsOf(text, facts.files)
  documentPathsOf(text)
  unusablePaths(text, facts.files)
})
expectLinear('namesPath', (text) => namesPath(text, 'a/.env'))
expectLinear('what a request is about', (text) => {
  isAboutRoutes(text)
  isAboutSecurity(text)
  languageOf([], text)
})
expectLinear('safePath, meantPath and fileReader', (text) => {
  meantPath(safePath(text) ?? text, facts.files)
  fileReader(text, facts)(text)
  isTest(text)
  isDocument(text)
})
expectLinear('label, unitName and defaultFile', (text) => {
  label(text, 30)
  unitName({ goal: text, files: [text] }, new Set())
  defaultFile(text, 'python', [text])
})
expectLinear('exportsOf', (text) => {
  exportsOf('a.js', text)
  exportsOf('a.py', text)
})
expectLinear('withOwnWords', (text) =>
  lostExamples(
    withOwnWords(
      [...units, { ...units[0], goal: text, files: ['b.js'], doneWhen: text }],
      text,
      facts,
    ),
    text,
  ),
)
expectLinear('addMissing', (text) => addMissing(units, text, facts))
expectLinear('checkUnits', (text) => checkUnits(answer(text), 'Make a(text).', facts))
expectLinear('oneUnit and unitsByName', (text) => {
  oneUnit(text, facts)
  unitsByName(`${text} src/a.js src/b.js`, facts)
})
