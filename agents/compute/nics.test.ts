// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { PortDocument } from '../../lib/contract/documents.ts'
import { toMarkedNic } from './drivers/marked-nic.ts'
import { toObservedNic } from './nics.ts'
import { instanceDocument } from './testing.ts'

const spec = {
  ...{ logicalPort: 'p', mac: 'fa:16:3e:00:00:01', networkUid: 'net', mtu: 1442, vnicType: 'normal' as const },
  fixedIPs: ['10.0.0.2', '10.0.0.3'].map((address) => ({ address, prefixLength: 24 })),
}

test.each([
  ['a network with a name', { network: 'team-a/n' }],
  ['one without', {}],
])('an interface is told, and marked, with %s', (_, network) => {
  const { v, node, versions } = instanceDocument()
  const port: PortDocument = {
    ...{ v, kind: 'port', uid: 'p', node, versions, name: 'p', tombstone: false },
    spec: { ...spec, ...network },
  }
  const { mac, networkUid, mtu, vnicType } = spec
  const addresses = ['10.0.0.2', '10.0.0.3']
  const told = { portUid: 'p', mac, networkUid, ...network, addresses }
  expect(toObservedNic(port)).toStrictEqual(told)
  expect(toMarkedNic({ ...told, slot: 0, mtu, vnicType })).toStrictEqual(told)
})
