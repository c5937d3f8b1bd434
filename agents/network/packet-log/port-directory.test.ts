// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { PortDocument } from '../../../lib/contract/documents.ts'
import type { LoggedPacket } from './log-line.ts'
import { PortDirectory } from './port-directory.ts'

const port = (uid: string, mac: string, ...addresses: string[]) =>
  ({ uid, spec: { mac, fixedIPs: addresses.map((address) => ({ address, prefixLength: 24 })) } }) as PortDocument
const packet = (direction: 'ingress' | 'egress', sourceMac: string, destinationMac: string): LoggedPacket => ({
  ...{ group: 'g', rule: 'drop', verdict: 'dropped', direction, sourceMac, destinationMac },
  flow: { protocol: 'tcp', source: '10.0.0.1', destination: '10.0.0.2' },
})

test('the port that it was sent to, or from; where several have the MAC address, the one that has the address too', async () => {
  const ports = new PortDirectory()
  for (const one of [port('a', 'm1', '10.0.0.1'), port('b', 'm2', '10.0.0.2')]) await ports.attach(one)
  expect(ports.find(packet('egress', 'm1', 'm2'))).toBe('a')
  expect(ports.find(packet('ingress', 'm1', 'm2'))).toBe('b')
  expect(ports.find(packet('ingress', 'm1', 'm9'))).toBeUndefined()
  await ports.attach(port('c', 'm2', '192.0.2.2'))
  expect(ports.find(packet('ingress', 'm1', 'm2'))).toBe('b')
  await ports.attach(port('d', 'm2', '10.0.0.2'))
  expect(ports.find(packet('ingress', 'm1', 'm2'))).toBeUndefined()
  await ports.detach('d')
  await ports.attach(port('b', 'm3'))
  expect(ports.find(packet('ingress', 'm1', 'm2'))).toBe('c')
  expect(ports.find(packet('ingress', 'm1', 'm3'))).toBe('b')
})
