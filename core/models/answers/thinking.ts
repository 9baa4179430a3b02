/**
 * An answer without the thoughts before it; some models think aloud although they were told not to.
 * Of those whose template opens the thoughts only their end is seen. Thoughts without an end are no answer.
 */
export function withoutThinking(text: string): string {
  const opened = /^\s*<think(?:ing)?>/.exec(text)
  const end = (opened === null ? /^[ \t]*<\/think(?:ing)?>[ \t]*$/m : /<\/think(?:ing)?>/).exec(
    text,
  )
  if (end === null) return opened === null ? text : ''
  // Behind a fence it is part of what was written.
  const fence = opened === null ? text.search(/^ {0,3}(?:`{3}|~{3})/m) : -1
  return fence === -1 || fence > end.index ? text.slice(end.index + end[0].length) : text
}
