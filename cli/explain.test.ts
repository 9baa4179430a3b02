// Kind: whatever is found where a cluster was, a person reads that none runs there and how to start
// one.
import { describe, expect, test } from 'vitest'
import { KubeError } from '../core/kube/errors.ts'
import { placed } from './explain.ts'
import { CliError } from './failure.ts'

const failure = (said: string, status = 0): KubeError =>
  new KubeError({
    status,
    reason: status === 0 ? 'Unreachable' : 'Forbidden',
    message: `GET /apis/guildhall.dev/v1alpha1/x: 172.18.0.2:6443 cannot be reached: ${said}`,
  })

const place = '172.18.0.2:6443'
const flags = { kubeconfig: '/etc/hosts' }

describe('what is found where a cluster was is told as what it is, with a command that fits', () => {
  test.each([
    ['connect ECONNREFUSED 172.18.0.2:6443', `no cluster runs at ${place}: nothing answers`, 'up'],
    ['connect EHOSTUNREACH 172.18.0.2:6443', `no cluster runs at ${place}: nothing answers`, 'up'],
    ['Connect Timeout Error', 'nothing answers there (Connect Timeout Error)', 'up'],
    [
      'getaddrinfo ENOTFOUND gone.example',
      'the host 172.18.0.2 of the kubeconfig /etc/hosts does not exist',
      'look',
    ],
    ['getaddrinfo EAI_AGAIN a.example', 'cannot be looked up: no name server answers', 'getent'],
    [
      '40ED03A3E47F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/x.c:77:\n',
      'something else answers there (it does not speak TLS)',
      'up',
    ],
    ...[
      'self-signed certificate',
      'self-signed certificate in certificate chain',
      'unable to verify the first certificate',
      'unable to get local issuer certificate',
    ].map(
      (said) =>
        [
          said,
          `certificate of ${place} is not signed by the CA in the kubeconfig`,
          'look',
        ] as const,
    ),
    ['certificate has expired', `the certificate of ${place} is not valid now`, 'date'],
    [
      "Hostname/IP does not match certificate's altnames: IP: 172.18.0.2 is not in the cert's list: ",
      `the certificate of ${place} is for other names`,
      'look',
    ],
    [
      '40ED:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../x.c:1:',
      'does not take the certificate of the user in the kubeconfig /etc/hosts',
      'look',
    ],
  ] as const)('%j', (said, want, then) => {
    const error = placed(failure(said), flags, 'guildhall')
    expect(error).toBeInstanceOf(CliError)
    const nexts = {
      up: /^npm run -s cluster -- up /,
      look: /^kubectl config view --minify --kubeconfig \/etc\/hosts /,
      getent: /^getent hosts/,
      date: /^date/,
    }
    expect(error).toMatchObject({
      message: expect.stringContaining(want) as string,
      next: expect.stringMatching(nexts[then]) as string,
    })
    expect(String(error)).not.toMatch(/GET|routines/)
  })
})

test('a refusal of an API server, and what nobody knows, stay as they were told', () => {
  expect(placed(failure('no', 403), {}, 'guildhall')).toMatchObject({ next: 'kubectl auth whoami' })
  expect(placed(failure('socket hang up'), {}, 'guildhall')).toMatchObject({
    message: expect.stringContaining('socket hang up') as string,
    next: expect.stringContaining('kubectl cluster-info') as string,
  })
})
