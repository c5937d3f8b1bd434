// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { addressesOf } from './definition.ts'
import { externalNetwork } from './external-network.ts'

test('the network outside has the gateway that the fabric is, and addresses for routers and machines beside it', () => {
  const objects = externalNetwork(addressesOf(7))
  expect(objects.map(({ kind }) => kind)).toEqual(['Namespace', 'ProviderNetwork', 'Network', 'Subnet'])
  expect(objects[2]?.spec).toEqual({
    external: true,
    provider: { providerNetworkRef: { name: 'physnet1' } },
    sharedWith: [{ namespace: '*' }],
  })
  expect(objects[3]?.spec).toMatchObject({
    cidr: '10.97.7.0/24',
    gatewayIP: '10.97.7.1',
    allocationPools: [{ start: '10.97.7.10', end: '10.97.7.250' }],
  })
})
