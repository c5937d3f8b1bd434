// SPDX-License-Identifier: Apache-2.0
// What of its Ports stands in a machine's status.
import { expect, test } from '@jest/globals'
import type { Port } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { addressesOf } from './schedule.ts'

test.each<[string, Partial<Port['spec']>, Port['status'] | undefined, object[]]>([
  ['nothing is known of it', {}, undefined, [{}]],
  [
    'its spec has all',
    { macAddress: 'm1', fixedIPs: [{ subnetRef: { name: 's' }, ipAddress: 'a1' }] },
    undefined,
    [{ macAddress: 'm1', ipAddress: 'a1' }],
  ],
  ['its spec leaves the address open', { fixedIPs: [{ subnetRef: { name: 's' } }] }, undefined, [{}]],
  [
    'its status has all',
    {},
    { macAddress: 'm2', fixedIPs: [{ subnet: 's', ipAddress: 'a2', prefixLength: 24 }] },
    [{ macAddress: 'm2', ipAddress: 'a2' }],
  ],
  [
    'what it was given counts more than what it asked for',
    { macAddress: 'm1', fixedIPs: [{ subnetRef: { name: 's' }, ipAddress: 'a1' }] },
    { macAddress: 'm2', fixedIPs: [{ subnet: 's', ipAddress: 'a2', prefixLength: 24 }] },
    [{ macAddress: 'm2', ipAddress: 'a2' }],
  ],
  [
    'it has two',
    { macAddress: 'm1', fixedIPs: ['a1', 'a2'].map((ipAddress) => ({ subnetRef: { name: 's' }, ipAddress })) },
    undefined,
    [
      { macAddress: 'm1', ipAddress: 'a1' },
      { macAddress: 'm1', ipAddress: 'a2' },
    ],
  ],
])('addresses of a Port: %s', (_, spec, status, expected) => {
  const port = stored<Port>('p', { networkRef: { name: 'lan' }, ...spec }, status ? { status } : {})
  expect(addressesOf([port])).toStrictEqual(expected.map((of) => ({ network: 'lan', port: 'p', ...of })))
})
