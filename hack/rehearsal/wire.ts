import type { ServerResponse } from 'node:http'

/** Answers with one JSON document. */
export function json(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(body))
}

/** One line of NDJSON. */
export function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** Waits for `ms` milliseconds of real time. */
export async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms)
  })
}
