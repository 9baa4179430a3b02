// Kind: whatever is found where a cluster was, a person reads that none runs there and how to start one.
import { describe, expect, test } from 'vitest'
import { KubeError } from '../../operator/kube/errors.ts'
import { placed } from '../explain.ts'
import { CliError } from '../failure.ts'

const failure = (said: string, status = 0): KubeError =>
  new KubeError({
    status,
    reason: status === 0 ? 'Unreachable' : 'Forbidden',
    message: `GET /apis/guildhall.dev/v1alpha1/x: 172.18.0.2:6443 cannot be reached: ${said}`,
  })

describe('no cluster runs there', () => {
  test.each([
    ['connect ECONNREFUSED 172.18.0.2:6443', 'nothing answers there (connect ECONNREFUSED'],
    ['connect EHOSTUNREACH 172.18.0.2:6443', 'nothing answers there (connect EHOSTUNREACH'],
    ['getaddrinfo ENOTFOUND gone.example', 'nothing answers there (getaddrinfo ENOTFOUND'],
    ['Connect Timeout Error', 'nothing answers there (Connect Timeout Error)'],
    [
      '40ED03A3E47F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/x.c:77:\n',
      'something else answers there (it does not speak TLS)',
    ],
    ['self-signed certificate', 'something else answers there (self-signed certificate)'],
    [
      "Hostname/IP does not match certificate's altnames: IP: 172.18.0.2 is not in the cert's list: ",
      "something else answers there (Hostname/IP does not match certificate's altnames",
    ],
    ['unable to verify the first certificate', 'something else answers there (unable'],
  ])('%j', (said, want) => {
    const error = placed(failure(said), {})
    expect(error).toBeInstanceOf(CliError)
    expect(error).toMatchObject({
      message: expect.stringContaining(want) as string,
      next: expect.stringContaining('npm run -s cluster -- up') as string,
    })
    expect(String(error)).toMatch(/no cluster .*runs at 172\.18\.0\.2:6443/)
    expect(String(error)).not.toMatch(/GET|routines/)
  })
})

test('a refusal of an API server, and what nobody knows, stay as they were told', () => {
  expect(placed(failure('no', 403), {})).toMatchObject({ next: 'kubectl auth whoami' })
  expect(placed(failure('socket hang up'), {})).toMatchObject({
    message: expect.stringContaining('socket hang up') as string,
    next: expect.stringContaining('kubectl cluster-info') as string,
  })
})
