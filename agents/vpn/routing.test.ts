// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { lineOf, planRoutes } from './routing.ts'
import { CONNECTION } from './testing/connection.ts'

test('a range of a peer has its way by the tunnel as long as there is its device, and one that refuses always', () => {
  const refused = ['unreachable default metric 1000', 'unreachable 10.2.0.0/24 metric 1000']
  const toRouter = '10.1.0.0/24 via 169.254.0.1 dev transit0'
  expect(planRoutes({ connections: [CONNECTION] }, false)).toEqual({
    ...{ 1000: refused, 1001: ['unreachable default metric 1000', toRouter] },
    main: [toRouter],
  })
  expect(planRoutes({ connections: [CONNECTION, CONNECTION] }, true)[1000]).toEqual([
    ...refused,
    '10.2.0.0/24 dev ipsec0',
  ])
})

test.each([
  [{ dst: '10.2.0.0/24', dev: 'ipsec0', scope: 'link' }, '10.2.0.0/24 dev ipsec0'],
  [{ dst: '10.2.0.1', dev: 'ipsec0' }, '10.2.0.1/32 dev ipsec0'],
  [{ dst: '10.1.0.0/24', gateway: '169.254.0.1', dev: 'transit0' }, '10.1.0.0/24 via 169.254.0.1 dev transit0'],
  [{ type: 'unreachable', dst: 'default', dev: 'lo', metric: 1000 }, 'unreachable default metric 1000'],
])('%j as ip(8) takes it: %s', (route, line) => {
  expect(lineOf(route)).toBe(line)
})
