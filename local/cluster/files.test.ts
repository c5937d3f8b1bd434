// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { defineClusterNodes } from './definition.ts'
import { cniConfig, kubeletConfig, proxyConfig } from './files.ts'
import { dnsObjects, volumeObjects, VOLUMES_PER_NODE } from './objects.ts'

const [first, second] = defineClusterNodes()
if (!first || !second) throw new Error('two nodes are defined')

test('nodes have addresses and control groups of their own', () => {
  const subnets = [first, second].map((node) => /10\.244\.\d+\.0\/24/.exec(cniConfig(node))?.[0])
  expect(subnets).toEqual(['10.244.1.0/24', '10.244.2.0/24'])
  const roots = [first, second].map((node) => (parse(kubeletConfig('c', node)) as { cgroupRoot: string }).cgroupRoot)
  expect(roots).toEqual(['/c-worker-1', '/c-worker-2'])
})

test('kubelets answer nobody without a certificate or a token', () => {
  expect(parse(kubeletConfig('c', first))).toMatchObject({
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
    authorization: { mode: 'Webhook' },
  })
})

test('services go by nftables, which needs no package of its own', () => {
  expect(parse(proxyConfig())).toMatchObject({ mode: 'nftables', nftables: { masqueradeAll: true } })
})

test('the service of the DNS leads to the host', () => {
  expect(dnsObjects('10.98.0.254', 5353)).toMatchObject([
    { kind: 'Service', spec: { clusterIP: '10.96.0.10' } },
    { kind: 'EndpointSlice', endpoints: [{ addresses: ['10.98.0.254'] }], ports: [{ port: 5353 }] },
  ])
})

test('each node has volumes for the servers of the bus and for OVN', () => {
  expect(volumeObjects([first, second])).toHaveLength(1 + 2 * VOLUMES_PER_NODE)
})
