import { visibleJson } from '../../core/api/plain-text.ts'

/** Objects as JSON on several lines, for programs and for people: the same values, with every character of them to be seen. */
export const jsonText = (value: unknown): string =>
  visibleJson(JSON.stringify(value, undefined, 2) ?? 'null')
