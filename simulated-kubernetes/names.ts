// Names, labels and their like, with the sentences of k8s.io/apimachinery.
const namePart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const qualifiedName = new RegExp(`^${namePart}$`)
const labelValue = new RegExp(`^(${namePart})?$`)
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

const maxLength = (length: number): string => `must be no more than ${length} bytes`
const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

/** Most texts are right and come again and again: the answer to them is remembered. */
function remembered(
  check: (text: string) => readonly string[],
): (text: string) => readonly string[] {
  const fine = new Set<string>()
  return (text) => {
    if (fine.has(text)) return []
    const problems = check(text)
    if (problems.length === 0) {
      if (fine.size >= 4_096) fine.clear()
      fine.add(text)
    }
    return problems
  }
}

/** Keys of labels and annotations, names of finalizers. */
export const qualifiedNameProblems = remembered((text) => {
  const parts = text.split('/')
  const name = parts.at(-1) ?? ''
  const problems: string[] = []
  if (parts.length > 2) {
    return [
      "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ]
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') problems.push('prefix part must be non-empty')
    else problems.push(...subdomainProblems(prefix).map((why) => `prefix part ${why}`))
  }
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > 63) problems.push(`name part ${maxLength(63)}`)
  if (!qualifiedName.test(name)) {
    problems.push(
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    )
  }
  return problems
})

export const labelValueProblems = remembered((text) => {
  const problems: string[] = []
  if (text.length > 63) problems.push(maxLength(63))
  if (!labelValue.test(text)) {
    problems.push(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    )
  }
  return problems
})

export const subdomainProblems = remembered((text) => {
  const problems: string[] = []
  if (text.length > 253) problems.push(maxLength(253))
  if (!dnsSubdomain.test(text)) problems.push(subdomainWords)
  return problems
})

export const labelProblems = remembered((text) => {
  const problems: string[] = []
  if (text.length > 63) problems.push(maxLength(63))
  if (!dnsLabel.test(text)) problems.push(labelWords)
  return problems
})

/** Names of objects that are DNS subdomains, which ours and most others are. */
export function nameProblems(
  name: string,
  options: { readonly isPrefix?: boolean } = {},
): readonly string[] {
  // A prefix may end in a dash, since more comes after it.
  return subdomainProblems(options.isPrefix ? name.replace(/-$/, 'a') : name)
}

const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'

/** A name made from `metadata.generateName`. */
export function generatedName(prefix: string, next: () => number): string {
  let name = prefix.slice(0, 58)
  for (let count = 0; count < 5; count += 1) {
    name += suffixLetters[Math.floor(next() * suffixLetters.length)]
  }
  return name
}
