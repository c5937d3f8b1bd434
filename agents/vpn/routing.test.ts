// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { lineOf, planRoutes } from './routing.ts'
import { CONNECTION } from './testing/connection.ts'

test('a range of a peer has its way by the tunnel as long as there is its device, and one that refuses always', () => {
  const refused = ['unreachable default metric 4096', 'unreachable 10.2.0.0/24 metric 4096']
  const toRouter = '10.1.0.0/24 via 169.254.0.1 dev transit0'
  expect(planRoutes({ connections: [CONNECTION] }, '-4', false)).toEqual({
    ...{ 1000: refused, 1001: ['unreachable default metric 4096', toRouter] },
    main: [toRouter],
  })
  expect(planRoutes({ connections: [CONNECTION, CONNECTION] }, '-4', true)[1000]).toEqual([
    ...refused,
    '10.2.0.0/24 dev ipsec0',
  ])
})

test('each family has its own', () => {
  const both = {
    ...CONNECTION,
    ...{ peerCIDRs: ['10.2.0.0/24', 'fd00:2::/64'], localCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] },
  }
  expect(planRoutes({ connections: [both] }, '-6', true)).toEqual({
    main: ['fd00:1::/64 via fd4e:6570:6865::1 dev transit0'],
    1000: ['unreachable default metric 4096', 'unreachable fd00:2::/64 metric 4096', 'fd00:2::/64 dev ipsec0'],
    1001: ['unreachable default metric 4096', 'fd00:1::/64 via fd4e:6570:6865::1 dev transit0'],
  })
  expect(JSON.stringify(planRoutes({ connections: [both] }, '-4', true))).not.toContain('fd00')
})

test.each([
  [{ dst: 'fd00:2::1', dev: 'ipsec0', metric: 1024, protocol: 'boot' }, 'fd00:2::1/128 dev ipsec0'],
  [{ dst: '10.2.0.0/24', dev: 'ipsec0', scope: 'link' }, '10.2.0.0/24 dev ipsec0'],
  [{ dst: '10.2.0.1', dev: 'ipsec0' }, '10.2.0.1/32 dev ipsec0'],
  [{ dst: '10.1.0.0/24', gateway: '169.254.0.1', dev: 'transit0' }, '10.1.0.0/24 via 169.254.0.1 dev transit0'],
  [{ type: 'unreachable', dst: 'default', dev: 'lo', metric: 4096 }, 'unreachable default metric 4096'],
])('%j as ip(8) takes it: %s', (route, line) => {
  expect(lineOf(route)).toBe(line)
})
