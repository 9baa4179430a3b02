/** Whether the word stands in the text by itself. A scan, not a pattern: names of files and of functions hold any signs. */
export function mentions(text: string, word: string): boolean {
  const isWord = (sign: string | undefined): boolean => sign !== undefined && /[\w$]/.test(sign)
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1))
    if (!isWord(text[at - 1]) && !isWord(text[at + word.length])) return true
  return false
}
