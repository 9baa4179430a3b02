// Which paths belong to tests, by name alone. Planner, agents and forge have to agree: tests have tasks of their own, and what
// a person's tests say is never rewritten by a task that writes code.

const folder = /(?:^|\/)(?:tests?|__tests__|__mocks__)\//i
/** A folder `spec` may as well hold a specification, so that only code in it is taken for tests. */
const specFolder = /(?:^|\/)specs?\/.*\.(?:[mc]?[jt]sx?|py|rb|coffee)$/i
const named = /(?:^|[/._-])(?:tests?|specs?)\.(?:[mc]?[jt]sx?|py|rb|go|php|coffee)$/i
const prefixed = /(?:^|\/)(?:test-[^/]*\.[mc]?[jt]sx?|test_[^/]*\.py)$/i
const python = /(?:^|\/)(?:conftest|[^/]*_tests?)\.py$/i
const go = /_test\.go$/
const java =
  /(?:^|\/)(?:[^/]*Tests?|Test[A-Z][^/]*|[^/]*Spec)\.(?:java|kt|kts|scala|cs|swift|groovy)$/

/** Whether a path belongs to tests: a test file, or anything in a folder of tests. */
export function isTestPath(path: string): boolean {
  return [folder, specFolder, named, prefixed, python, go, java].some((one) => one.test(path))
}
