/** `metav1.MicroTime`: RFC 3339 with six fractional digits; the API server refuses three. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`
}
