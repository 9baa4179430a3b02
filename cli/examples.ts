// What the help of a command shows after its flags.
import { asTyped } from './terminal.ts'

export const planExamples = `
Examples:
  ${asTyped('guild plan --file examples/hello.yaml')}
  ${asTyped('guild plan --request "Add src/slug.js that exports slugify(text) …" --repo . --model qwen2.5-coder:7b')}
  ${asTyped('guild plan --file - --json')} < request.txt
  ${asTyped('guild plan --file request.txt --save plan.yaml')}
  ${asTyped('guild plan --file request.txt --plan plan.yaml')}     # after you changed it

The exit code is 0 only for a plan that can be carried out. A plan that fell back to one unit is one; its warnings say so.`

export const tryExamples = `
Examples:
  ${asTyped('guild try --repo . --goal "Add src/slug.js that exports slugify(text) …" --model qwen2.5-coder:7b')}
  ${asTyped('guild try --repo . --goal "…" --files src/slug.js,src/wrap.js --timeout 20m')}
  ${asTyped('guild try --repo . --goal "Make the tests pass" --files src/slug.js --type coding --test "npm test"')}

--test names test files, it is not run: paths, node --test [FILES], npm test, python3 -m unittest [FILES], pytest [FILES].
The work starts from HEAD. Only when it is Done the change is left in the work tree: nothing is staged, new files are
untracked (git status shows them). Otherwise the work tree is as it was. The exit code is 0 for Done, 1 for every other end,
2 when the command cannot be understood.`
