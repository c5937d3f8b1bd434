// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { charonCommand, charonPaths, userOf } from './charon-process.ts'

const paths = charonPaths('/run/nephele', 'uid-1')

test('it runs in its namespace, as a user of its own, with the right to that network and no other', () => {
  const line = charonCommand(paths, '/run/netns/nephvpn-uid-1', 1_900_000_001).join(' ')
  expect(line).toContain('--pidfile /run/nephele/vpn/uid-1/charon.pid')
  expect(line).toContain(
    'env -- -i STRONGSWAN_CONF=/run/nephele/vpn/uid-1/strongswan.conf nsenter --net=/run/netns/nephvpn-uid-1 -- setpriv --reuid=1900000001 --regid=1900000001 --clear-groups --no-new-privs',
  )
  for (const set of ['bounding-set', 'inh-caps', 'ambient-caps'])
    expect(line).toContain(`--${set}=-all,+net_admin,+net_bind_service`)
})

test('no two have one user, and none has one of the host', () => {
  const users = Array.from({ length: 1000 }, (_, i) => userOf(`uid-${i}`))
  expect(Math.min(...users)).toBeGreaterThanOrEqual(1_900_000_000)
  expect(Math.max(...users)).toBeLessThan(2 ** 31)
  expect(new Set(users).size).toBeGreaterThan(998)
})
