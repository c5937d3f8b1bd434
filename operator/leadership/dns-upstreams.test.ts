// SPDX-License-Identifier: Apache-2.0
// The name servers that nodes ask for guests of a ProviderNetwork: they reach running nodes at once, by the node's own document.
import { expect, test } from '@jest/globals'
import type { PresentDocument } from '../../lib/contract/documents.ts'
import { QuietCloud } from '../testing/quiet-cloud.ts'

test('a change of spec.dns.upstreams is told to each node that is connected, and no Port is told anew for it', async () => {
  const c = await QuietCloud.furnished()
  c.label('c1', { rack: '1' })
  c.label('c2', { rack: '2' })
  const nodes = [{ interface: 'eth1', nodeSelector: { matchLabels: { rack: '1' } } }]
  c.make('providerNetworks', 'dc', { nodes })
  c.make('networks', 'outside', { provider: { providerNetworkRef: { name: 'dc' } } })
  c.subnet('outside-v4', { networkRef: { name: 'outside' } })
  c.operator.report('c1', { physicalNetworks: [{ name: 'dc' }] })
  await c.operator.rest()
  c.vm('vm', { networks: [{ networkRef: { name: 'outside' } }] })
  c.vm('other')
  await c.operator.rest()
  const documents = () =>
    [...c.operator.world.bus.desired.documents.values()].filter((d): d is PresentDocument => !d.tombstone)
  const told = () =>
    Object.fromEntries(documents().flatMap((d) => (d.kind === 'node' ? [[d.node, d.spec.dnsUpstreamsOf]] : [])))
  const without = () => documents().flatMap((d) => (d.kind === 'node' ? (d.spec.withoutDnsUpstreams ?? []) : []))
  const ports = () => documents().filter((d) => d.kind === 'port')
  expect(ports().map((d) => d.kind === 'port' && d.spec.providerNetwork)).toEqual(
    expect.arrayContaining(['dc', undefined]),
  )
  expect(told()).toEqual({ c1: undefined, c2: undefined, s1: undefined })
  expect(without()).toEqual(['dc', 'dc'])
  const before = structuredClone(ports())
  for (const upstreams of [['fd00::2', '10.0.0.2'], []]) {
    c.set('providerNetworks', 'dc', { dns: { upstreams } })
    await c.operator.rest()
    expect(told()).toEqual({ c1: [{ providerNetwork: 'dc', upstreams }], c2: undefined, s1: undefined })
    expect(without()).toEqual([])
  }
  c.set('providerNetworks', 'dc', { dns: undefined })
  await c.operator.rest()
  expect(told()).toEqual({ c1: undefined, c2: undefined, s1: undefined })
  expect(ports()).toEqual(before)
})
