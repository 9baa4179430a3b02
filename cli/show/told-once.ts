// One cause is often the message of several objects. Who reads them together has to read its sentence once.

/** What has been told above. */
export interface ToldOnce {
  /** False for a line whose sentence was told already; else it counts as told from now on. */
  isNew(line: string): boolean
  /** The words of a row without the sentences that were told already; a reason before such a sentence stays. */
  rest(detail: string): string
}

/** Words and figures may stand twice; a sentence is longer. */
const shortest = 40

/** Begins with nothing told. */
export function toldOnce(): ToldOnce {
  const told: string[] = []
  const isTold = (sentence: string): boolean =>
    sentence.length >= shortest && told.some((text) => text.includes(sentence))
  return {
    isNew(line) {
      const [, sentence = line] = /^[a-z]+: ([\s\S]*)$/.exec(line) ?? []
      if (isTold(bare(sentence))) return false
      told.push(line)
      return true
    },
    rest(detail) {
      const parts = detail.split(' · ').map((part) => {
        const [, reason = '', sentence = part] = /^([A-Z][A-Za-z]+): ([\s\S]*)$/.exec(part) ?? []
        return isTold(bare(sentence)) ? reason : part
      })
      told.push(detail)
      return parts.filter(Boolean).join(' · ')
    },
  }
}

const bare = (sentence: string): string => sentence.trim().replace(/[.…]+$/, '')
