// Kind: whatever is found where a cluster was, a person reads that none runs there and how to start
// one.
import { describe, expect, test } from 'vitest'
import { KubeError, KubeconfigError } from '../core/kube/errors.ts'
import { placed, refusalInWords } from './explain.ts'
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

const answer = (status: number, message: string, causes = [{}]) =>
  new KubeError({
    status,
    reason: 'x',
    message: `GET /apis/guildhall.dev/v1/x: ${message}`,
    causes,
  })

test.each<[number, string, RegExp, RegExp]>([
  [401, 'Unauthorized', /does not take the credentials in the kubeconfig \/etc\/hosts/, /whoami/],
  [403, 'x is forbidden', /^you may not do this: x is forbidden$/, /whoami/],
  [404, '404 page not found', /^this cluster knows no DevRequest/, /^helm upgrade .* -n team /],
  [404, 'the server could not find the requested resource', /knows no DevRequest/, /^helm /],
  [404, 'agents "a" not found', /^agents "a" not found$/, /guild list -n team/],
  [400, 'bad', /refused this with the status 400: bad$/, /events -n team/],
  [400, 'strict decoding error: unknown field "spec.wat"', /no field spec\.wat in/, /explain/],
  [500, 'etcd', /failed with the status 500: etcd$/, /readyz/],
  [0, 'took longer than 15000 ms', /does not answer: nothing came within 15 s$/, /cluster -- up/],
])(
  'an answer with %i (%s) is told without the address that was asked',
  (status, said, want, next) => {
    const message = status === 0 ? `GET /apis/x ${said}` : ''
    const error =
      status === 0 ? new KubeError({ status, reason: 'Timeout', message }) : answer(status, said)
    expect(placed(error, flags, 'team')).toMatchObject({
      message: expect.stringMatching(want) as string,
      next: expect.stringMatching(next) as string,
    })
    expect(String(placed(error, flags, 'team'))).not.toMatch(/GET |\/apis/)
  },
)

test.each([
  [[{ field: 'spec.a', message: 'no' }], 'spec.a: no'],
  [[{ field: '', message: 'no' }], 'no'],
  [
    [{ field: '<nil>', message: 'Invalid value: "": Checked value' }],
    'Invalid value: "": Checked value',
  ],
  [
    [
      { field: 'spec.a', message: 'no' },
      { field: '<nil>', message: 'Invalid value: null: some validation rules were not checked' },
    ],
    'spec.a: no',
  ],
  [[{ field: '<nil>', message: 'null: some validation rules were not checked' }], 'is wrong'],
])('causes %j are told without a field that has no name', (causes, want) => {
  expect(refusalInWords(answer(422, 'is wrong', causes))).toBe(want)
})

test('a refusal of an API server, and what nobody knows, stay as they were told', () => {
  expect(placed(failure('no', 403), {}, 'guildhall')).toMatchObject({ next: 'kubectl auth whoami' })
  expect(placed(failure('socket hang up'), {}, 'guildhall')).toMatchObject({
    message: expect.stringContaining('socket hang up') as string,
    next: expect.stringContaining('kubectl cluster-info') as string,
  })
})

// Kind: a fault on the way to a request is not told as a fault of the server.
describe('what failed before the server was asked is told as itself', () => {
  test('a plug-in, with its own next command', () => {
    const cause = new KubeconfigError(
      'the plug-in aws of the user u failed: log in',
      'aws sso login',
    )
    const message = 'GET /apis/x: the plug-in aws of the user u failed: log in'
    const error = placed(
      new KubeError({ status: 0, reason: 'NoCredentials', message, cause }),
      flags,
      'n',
    )
    expect(error).toMatchObject({ message: cause.message, next: 'aws sso login' })
  })

  test.each([
    'connect ECONNREFUSED 10.0.0.9:3128',
    'getaddrinfo ENOTFOUND p',
    'Proxy response (407) !== 200 when HTTP Tunneling',
  ])('a proxy: %s', (why) => {
    const said = `172.18.0.2:6443 cannot be reached through the proxy http://p:3128: ${why}`
    const thrown = new KubeError({ status: 0, reason: 'Unreachable', message: `GET /x: ${said}` })
    expect(placed(thrown, flags, 'n')).toMatchObject({
      message: said,
      next: expect.stringContaining('proxy-url') as string,
    })
  })
})
