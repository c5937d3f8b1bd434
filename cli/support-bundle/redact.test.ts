// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fieldsOf, readCrds } from '../../crds/suite/schema.ts'
import { withoutLogin, withoutSecrets } from './redact.ts'

test('what was applied, user data and values by the names of secrets are left out; the rest stays', () => {
  const container = {
    env: [
      { name: 'NEPHELE_NATS_TOKEN_FILE', value: '/run/secrets/token' },
      { name: 'PROXY_PASSWORD', value: 'canary' },
      { name: 'API_KEY', valueFrom: { secretKeyRef: { name: 'key' } } },
      { name: 'LOG_LEVEL', value: 'debug' },
    ],
  }
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"userData":"canary"}', other: 'stays' }
  const made = withoutSecrets({
    metadata: { name: 'web', annotations },
    spec: { userData: '#cloud-config\npassword: canary', userDataSecretRef: { name: 'web' }, containers: [container] },
    status: { seconds: 3, isReady: true, nothing: null },
  })
  expect(made).toEqual({
    metadata: { name: 'web', annotations: { other: 'stays' } },
    spec: {
      userData: '(left out)',
      userDataSecretRef: { name: 'web' },
      containers: [
        {
          env: [
            { name: 'NEPHELE_NATS_TOKEN_FILE', value: '/run/secrets/token' },
            { name: 'PROXY_PASSWORD', value: '(left out)' },
            { name: 'API_KEY', valueFrom: { secretKeyRef: { name: 'key' } } },
            { name: 'LOG_LEVEL', value: 'debug' },
          ],
        },
      ],
    },
    status: { seconds: 3, isReady: true, nothing: null },
  })
})

test.each([
  ['https://ada:canary@images.example/a.qcow2', 'https://(left out)@images.example/a.qcow2'],
  ['https://canary@images.example/a', 'https://(left out)@images.example/a'],
  [
    'cannot fetch "https://s3.example/b?X-Amz-Signature=canary#part": 403',
    'cannot fetch "https://s3.example/b?(left out)#part": 403',
  ],
  [
    'two: nats://a:canary@one:4222,nats://b:canary@two:4222 end',
    'two: nats://(left out)@one:4222,nats://(left out)@two:4222 end',
  ],
  ['mail ada@example.org about https://nephele.dev/docs', 'mail ada@example.org about https://nephele.dev/docs'],
])('of a URL in %s', (text, expected) => {
  expect(withoutLogin(text)).toBe(expected)
})

test('whatever stands around it, a login is left out', () => {
  const word = fc.stringMatching(/^[a-zA-Z0-9 :,.=]{0,12}$/)
  const property = fc.property(word, word, (before, after) => {
    const made = withoutLogin(`${before} https://user:CANARY@host/path?sig=CANARY ${after}`)
    expect(made).not.toContain('CANARY')
    expect(made).toContain('@host/path')
  })
  fc.assert(property)
})

test('of our fields that could hold a secret only user data does: another one is to be left out too', () => {
  const fields = readCrds().flatMap((crd) => fieldsOf(crd).map(({ path }) => path.replaceAll('[]', '')))
  const named = fields.filter((path) => /password|token|private|preShared|credential|userData$/i.test(path))
  // The hash of 256 random bits opens nothing.
  expect(named.filter((path) => !/Refs?\b/.test(path))).toEqual([
    'status.tokenSHA256',
    'spec.setAdminPassword',
    'spec.setAdminPassword.userName',
    'spec.userData',
  ])
})

test('a long text of a stranger takes no long time', () => {
  const begun = performance.now()
  for (const piece of ['a.', 'a://', 'a://b?', 'http://u:p']) withoutLogin(piece.repeat(20_000))
  expect(performance.now() - begun).toBeLessThan(5000)
})
