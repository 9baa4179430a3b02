// Tells by name alone which paths belong to tests. Planner, agents and forge have to agree, because
// tests have tasks of their own, and a task that writes code never rewrites a person's tests.

const folder = /(?:^|\/)(?:tests?|__tests__|__mocks__)\//i
/**
 * A folder `spec` may also hold a specification. So only code in it is taken for tests, and none
 * below a folder of code.
 */
const specFolder =
  /^(?:(?:packages|apps|libs|modules|services|plugins)\/[^/]+\/)?specs?\/.*\.(?:[mc]?[jt]sx?|py|rb|coffee)$/i
const named = /(?:^|[/._-])tests?\.(?:[mc]?[jt]sx?|py|rb|go|php|coffee)$/i
const specified = /\.specs?\.(?:[mc]?[jt]sx?|coffee)$|[._-]specs?\.(?:py|rb|go|php)$/i
const prefixed = /(?:^|\/)(?:test-[^/]*\.[mc]?[jt]sx?|test_[^/]*\.py)$/i
const python = /(?:^|\/)(?:conftest|[^/]*_tests?)\.py$/i
const go = /_test\.go$/
const java =
  /(?:^|\/)(?:[^/]*Tests?|Test[A-Z][^/]*|[^/]*Spec)\.(?:java|kt|kts|scala|cs|swift|groovy)$/

/** Code that counts, lists or runs many tests; no runner takes the name for a file of tests. */
const aboutTests = /[^/.][-_]tests\.(?:[mc]?[jt]sx?|py)$/i
/** Names of files that tests use; tests are not in them. */
const helper =
  /(?:^|\/)test[-_](?:utils?|utilities|helpers?|support|data|fixtures?|factory|factories|servers?|env|environment|setup|kit|runners?|reporters?|harness|results?|mocks?|doubles?|constants|config|types)\.(?:[mc]?[jt]sx?|py)$/i
/** In a folder of code, a name that begins with `test` is a weaker sign than elsewhere. */
const inCode = /(?:^|\/)(?:src|lib|app|source|bin|scripts|tools)\/(?:.*\/)?test-[^/]*$/i
const specNamed = /(?:^|\/)(?:[^/.]*[-_])?specs?\.(?:[mc]?[jt]sx?|py)$/i
const deepSpecFolder = /\/specs?\/.*\.(?:[mc]?[jt]sx?|py|rb|coffee)$/i
const unsure = [aboutTests, helper, inCode, specNamed, deepSpecFolder]

/** Whether a path surely belongs to tests: a test file, or any file in a folder of tests. */
export function isTestPath(path: string): boolean {
  if ([folder, specFolder].some((one) => one.test(path))) return true
  if (!isCalledTest(path)) return false
  return !unsure.some((one) => one.test(path))
}

/**
 * Whether a name may be of tests or of code, such as `count-tests.js`, `lib/test-utils.js`,
 * `src/spec.js`: then only the content of the file decides. False for names that `isTestPath` is
 * sure of.
 */
export function mayBeTest(path: string): boolean {
  return !isTestPath(path) && unsure.some((one) => one.test(path))
}

function isCalledTest(path: string): boolean {
  return [named, specified, prefixed, python, go, java].some((one) => one.test(path))
}
