/** The words of a text that tell what it is about, each once, in lower case: of four letters, or of any other script. */
export function wordsOf(text: string): string[] {
  return [
    ...new Set(
      text.toLowerCase().match(/[\p{L}\p{N}]{4,60}|[\p{Script=Han}\p{Script=Hangul}]{2,3}/gu),
    ),
  ].slice(0, 600)
}
