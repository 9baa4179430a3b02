// What the words of a task say about names: whether one is mentioned, and whether it is to be
// removed, renamed, moved or replaced.
import type { Assignment } from '../../../core/api/agent-protocol.ts'

/**
 * The words by which the work of a task is asked for. The criterion of the task is in them only
 * `withCriterion`: it names a function to say how it is checked, which is not a wish to remove or
 * empty the function.
 */
export function askedWords(
  { requestText, goal, doneWhen }: Pick<Assignment, 'requestText' | 'goal' | 'doneWhen'>,
  { withCriterion = false } = {},
): string {
  return [requestText, goal, ...(withCriterion ? [doneWhen] : [])].join('\n\n')
}

interface WantedName {
  /** The name itself: `keep` of `Store.keep`. */
  readonly word: string
  readonly owner?: string | undefined
}

/**
 * Verbs as a request uses them for its work, never in the third person: "it removes blanks" says
 * what new code does.
 */
const verbs =
  /(?<![\w.`'"$])(?<!\b(?:an?|method|function|called|named|command|option|button)\s)(remov(?:e|ing|al of)|delet(?:e|ing|ion of)|dro(?:p|pping)|renam(?:e|ing)|get(?:ting)? rid of|eliminat(?:e|ing)|retir(?:e|ing)|inlin(?:e|ing)|merg(?:e|ing)|combin(?:e|ing)|fold(?:ing)?|split(?:ting)?|mov(?:e|ing)|extract(?:ing)?|hid(?:e|ing)|unexport(?:ing)?|replac(?:e|ing)|tak(?:e|ing) out|thro(?:w|wing) away|strip(?:ping)?|convert(?:ing)?|turn(?:ing)?|no longer|stop(?:ping)? export(?:ing)?|instead of|rather than|in place of|renamed from|swap(?:ping)?|migrat(?:e|ing)|get(?:s)? rid)\b(?!\()/gi
const negated =
  /(?:\bnot|n[’']t|\bnever|\bwithout|\binstead of|\brather than|\bnor)\s+(?:\w+\s+)?$/i
/** Words that say of the name before them that it has to go. */
const passive =
  /^[^.;:\n]{0,40}?\b(?:removed|deleted|dropped|renamed|replaced|retired|inlined|obsolete|unused|deprecated|superfluous|unneeded|unnecessary|moved|merged|private|no longer|go away|must go|can go|should go|becomes?|(?:should|must|shall|to) be (?:called|named)|now (?:called|named)|is not (?:needed|used))\b/i
/** "Remove the helpers", "delete all getters": kinds of things, not a name. */
const kinds =
  '(?:methods?|functions?|getters?|setters?|accessors?|constants?|re-?exports?|exports?|alias(?:es)?|helpers?|class(?:es)?|enums?|wrappers?)'
/**
 * Kinds that a text or its data may also have: they belong to the file where the request says that
 * they are not used.
 */
const idle =
  '(?:unused|dead|old|obsolete|deprecated|legacy|unneeded|unnecessary|superfluous|redundant|duplicated?)'
const ofAKind = new RegExp(
  `^\\s+(?:[\\w-]+\\s+){0,5}?(?:${kinds}|${idle}\\s+(?:[\\w-]+\\s+){0,2}(?:code|members?|fields?|propert(?:y|ies)|keys?|names?|options?|variants?|parts?))\\b(?!\\s*[\`'"(]|\\s+\\w+\\()`,
  'i',
)
/**
 * "Split src/a.js into two files", "move the parser class to its own module"; and no "split the
 * text into words".
 */
const elsewhere =
  /^[^;:\n]{0,60}?(?:\b(?:files?|modules?|class(?:es)?|code|functions?|methods?|helpers?|logic|constants?)\b|\.(?:[mc]?[jt]sx?|py)\b)[^;:\n]{0,60}?\b(?:into|to|out)\b/i
const whole =
  /\b(?:re-?write|redo|rebuild|re-?implement|start)\b(?:[^.;\n]|\.\w){0,60}\bfrom scratch\b|\bexport(?:s|ing)? (?:only|nothing (?:else|but))\b|\bonly exports?\b|\b(?:replace|overwrite) (?:the )?(?:(?:whole|entire|old|existing|contents? of the) )*(?:file|module)\b|\b(?:remov|delet|dropp?|cut)\w* (?:all|everything|every \w+)(?: \w+)? (?:but|except)\b|\bkeep(?:ing)? only\b|\bclean(?:ing)? up (?:the )?(?:file|module|class|code|api)\b|\bmak(?:e|ing) (?:\S+\s){0,4}(?:methods|functions|helpers|fields|members|constants) private\b/i

/**
 * Whether `asked` wants the name gone from where it is. The name alone is not a permission: "like
 * keep() does" wants it to stay. `made` are names that the file has now and had not before: "change
 * keep to hold" is a new name for keep.
 */
export function asksAway(
  asked: string,
  { word, owner }: WantedName,
  made: ReadonlySet<string> = new Set(),
): boolean {
  if (whole.test(asked)) return true
  for (const sentence of asked.split(/(?<=[.;!?])\s+|\n{2,}/)) {
    const places = placesOf(sentence, word)
    for (const found of sentence.matchAll(verbs)) {
      const verb = found[0].toLowerCase()
      const from = found.index + found[0].length
      if (
        negated.test(sentence.slice(0, found.index)) &&
        !/^(?:instead|rather|in place|no longer)/.test(verb)
      )
        continue
      if (places.some(({ start }) => start > from && isObject(verb, sentence.slice(from, start))))
        return true
      const rest = sentence.slice(from)
      const isChange =
        /^(?:instead|rather|in place|no longer|convert|turn|replac|combin|fold|inlin|swap|hid)/
      if (!isChange.test(verb) && ofAKind.test(rest) && !namesAnother(rest, word, owner))
        return true
      if (
        /^(?:split|mov|extract|migrat)/.test(verb) &&
        elsewhere.test(rest) &&
        !namesAnother(rest, word, owner)
      )
        return true
    }
    for (const { end } of places) {
      const rest = sentence.slice(end)
      const gone = passive.exec(rest)
      if (
        gone !== null &&
        !/\b(?:not|never|no)\b(?! longer)(?! (?:needed|used))|n[’']t/.test(gone[0])
      )
        return true
      const renamed = /^[`'")]*\s*(?:\b(?:in)?to\b|\bas\b|→|[-=]>)\s*[`'"]?([\w$]+)/.exec(rest)?.[1]
      if (renamed !== undefined && made.has(renamed)) return true
    }
  }
  return false
}

/** Whether the words between a verb and a name let the name be the object of the verb. */
function isObject(verb: string, between: string): boolean {
  if (between.length > 70) return false
  // "Remove the dots in keep()", "replace the loop by keep()": the name is where, or with what.
  if (
    /\b(?:into|by|with|to|using|like|as|before|after|than|that|which|so|when|while|for|if)\b/i.test(
      between,
    )
  )
    return false
  if (
    /\b(?:in|from|of|at|on)\s+(?:(?:the|class|module|function|method|file|object|\S+\.)\s*){0,3}$/i.test(
      between,
    )
  )
    return false
  // "Instead of keep", and no further.
  return (
    !/^(?:instead|rather|in place)/.test(verb) ||
    /^\s+(?:(?:the|a|an|class|function|method|getter|constant)\s+){0,2}[`'"]?(?:\w+[.#])?$/.test(
      between,
    )
  )
}

/**
 * Whether the words name another thing that has to go: "remove the method `low`" says nothing of
 * other methods.
 */
function namesAnother(rest: string, word: string, owner: string | undefined): boolean {
  const clause = rest.split(/[;:\n]|,\s(?=and|then|add)/)[0]?.slice(0, 120) ?? ''
  const code = [
    ...clause.matchAll(
      /`([^`\n]{1,60})`|\b([\w$]+)\(|\b([a-z]+[A-Z]\w*|\w+_\w+)\b|(?:method|function|class|constant|getter|field|property|key|export)s?\s+([\w$]+)\b(?!\s+(?:of|from|in)\b)/g,
    ),
  ]
    .map((found) => found[1] ?? found[2] ?? found[3] ?? found[4] ?? '')
    .filter(
      (one) => !/^(?:of|from|in|that|which|and|to|are|is|no|it|into|as|for|with|out)$/.test(one),
    )
    .filter((one) => !/[/]|\.\w{1,4}$/.test(one))
  return code.length > 0 && !code.some((one) => one.includes(word) && one !== owner)
}

/**
 * Where a name stands in a sentence by itself. A name of one letter, or an English word, has to
 * look like code.
 */
function placesOf(
  sentence: string,
  word: string,
): readonly { readonly start: number; readonly end: number }[] {
  const places: { start: number; end: number }[] = []
  const isWord = (sign: string | undefined): boolean => sign !== undefined && /[\w$]/.test(sign)
  for (let at = sentence.indexOf(word); at !== -1; at = sentence.indexOf(word, at + 1)) {
    const end = at + word.length
    if (isWord(sentence[at - 1]) || isWord(sentence[end])) continue
    if (/^(?:a|A|I|an|in|is|it|to|of|on|or|as|at|by|do|if|no|so|and|the)$/.test(word)) {
      const before = sentence.slice(0, at)
      const after = sentence.slice(end)
      const isCode =
        /[`'".#]$/.test(before) ||
        /^[`(]/.test(after) ||
        /^\s*(?:[,.;]|$|to\b|from\b|into\b|and\b)/.test(after) ||
        /\b(?:function|method|class|constant|getter|export|field|key|property)\s$/.test(before)
      if (!isCode) continue
    }
    places.push({ start: at, end })
  }
  return places
}

/**
 * Whether the word stands in the text by itself. A scan is used and not a pattern, because names of
 * files and functions hold any signs.
 */
export function mentions(text: string, word: string): boolean {
  const isWord = (sign: string | undefined): boolean => sign !== undefined && /[\w$]/.test(sign)
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1))
    if (!isWord(text[at - 1]) && !isWord(text[at + word.length])) return true
  return false
}
