// SPDX-License-Identifier: Apache-2.0
// What a ComputeNode promises: what its node is told.
import { describe, expect, test } from '@jest/globals'
import type { Cloud, ComputeNode, KubeNode, ProviderNetwork, StoragePool } from '../../../lib/api/types.ts'
import { NodeSpec } from '../../../lib/contract/specs.ts'
import { stored } from '../../testing/memory-deps.ts'
import { nodeDocument } from './document.ts'

const cluster = { namespace: '' }
const labels = { 'nephele.dev/compute': 'libvirt' }
const kubeNode = (more: object = {}) => stored<KubeNode>('n1', {}, { ...cluster, labels, ...more })
const computeNode = (spec: ComputeNode['spec'] = {}, more: object = {}) =>
  stored<ComputeNode>('n1', spec, { ...cluster, ...more })

describe('its document', () => {
  const writer = { incarnation: 1, term: 1 }
  const parts = { node: kubeNode(), credentials: {}, settings: {}, pools: [], providerNetworks: [], cloud: undefined }
  test('says no more than is known', () => {
    expect(nodeDocument(computeNode(), parts, writer)).toStrictEqual({
      v: expect.any(Number),
      uid: 'uid-n1',
      node: 'n1',
      name: 'n1',
      versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
      kind: 'node',
      tombstone: false,
      spec: {
        roles: { compute: 'libvirt', gateway: false, storage: false, image: false },
        physicalNetworks: [],
        withoutDnsUpstreams: [],
        reserved: { cpus: 0, memoryMiB: 1024, diskGiB: 0 },
        pools: [],
      },
    })
  })
  test('which CPUs and hugepages are whose', () => {
    const reservedHugepages = [{ cell: 0, sizeKiB: 2048, count: 512 }]
    const { spec } = nodeDocument(computeNode({ dedicatedCPUs: '2-3', reservedHugepages }), parts, writer)
    expect(spec).toMatchObject({ dedicatedCpus: '2-3', reservedHugepages })
    expect(NodeSpec.parse(spec)).toEqual(spec)
  })
  test('without a Node: no role and no pool', () => {
    const pools = [stored<StoragePool>('a', { driver: 'file' }, cluster)]
    const { spec } = nodeDocument(computeNode(), { ...parts, node: undefined, pools }, writer) as never as {
      spec: Record<string, unknown>
    }
    expect(spec['roles']).toStrictEqual({ gateway: false, storage: false, image: false })
    expect(spec['pools']).toEqual([])
  })
  test('pools in one order, with a required mount only where it is asked for', () => {
    const storage = kubeNode({ labels: { 'nephele.dev/storage': 'true', disk: 'fast' } })
    const pool = (name: string, spec: object = {}) =>
      stored<StoragePool>(name, { driver: 'file', file: {}, ...spec }, cluster)
    const pools = [
      pool('b', { file: { requireMount: true } }),
      pool('a', { file: { requireMount: false } }),
      pool('slow', { nodeSelector: { matchLabels: { disk: 'slow' } } }),
    ]
    const { spec } = nodeDocument(computeNode(), { ...parts, node: storage, pools }, writer)
    expect(spec.roles).toEqual({ gateway: false, storage: true, image: false })
    expect(spec.pools?.map(({ name, requireMount }) => [name, requireMount])).toEqual([
      ['a', undefined],
      ['b', true],
    ])
  })
  test.each<[Cloud['spec'], readonly string[] | undefined]>([
    [{}, undefined],
    [{ dns: { domain: 'x.internal' } }, undefined],
    [{ dns: { upstreams: ['fd00::2', '10.0.0.2'] } }, ['fd00::2', '10.0.0.2']],
    [{ dns: { upstreams: [] } }, []],
  ])('name servers for its resolver, in their order, of a Cloud of %j', (spec, expected) => {
    const cloud = stored<Cloud>('default', spec, cluster)
    expect(nodeDocument(computeNode(), { ...parts, cloud }, writer).spec.dnsUpstreams).toEqual(expected)
  })
  test('name servers of the ProviderNetworks that it is connected to, where these name some', () => {
    const on = (name: string, spec: Partial<ProviderNetwork['spec']>) =>
      stored<ProviderNetwork>(name, { type: 'flat', nodes: [{ interface: `to-${name}` }], ...spec }, cluster)
    const providerNetworks = [
      on('b', { dns: { upstreams: ['fd00::2', '10.0.0.2'] } }),
      on('a', { dns: { upstreams: [] } }),
      on('silent', { dns: {} }),
      on('far', {
        dns: { upstreams: ['10.0.0.3'] },
        nodes: [{ bridge: 'br', nodeSelector: { matchLabels: { rack: '2' } } }],
      }),
    ]
    const told = (more: object) =>
      nodeDocument(computeNode(), { ...parts, providerNetworks, node: kubeNode(more) }, writer).spec
    const { dnsUpstreamsOf, withoutDnsUpstreams } = told({})
    expect(dnsUpstreamsOf).toEqual([
      { providerNetwork: 'a', upstreams: [] },
      { providerNetwork: 'b', upstreams: ['fd00::2', '10.0.0.2'] },
    ])
    // What is in neither, as `far` is, may ask nobody.
    expect(withoutDnsUpstreams).toEqual(['silent'])
    const storage = told({ labels: { 'nephele.dev/storage': 'true' } })
    expect([storage.dnsUpstreamsOf, storage.withoutDnsUpstreams]).toEqual([undefined, undefined])
  })
  test('no more of them than a node takes', () => {
    const silent = Array.from({ length: 1030 }, (_, i) => stored<ProviderNetwork>(`s${i}`, { type: 'flat' }, cluster))
    const providerNetworks = Array.from({ length: 130 }, (_, i) =>
      stored<ProviderNetwork>(
        `n${i}`,
        { type: 'flat', nodes: [{ interface: `i${i}` }], dns: { upstreams: ['10.0.0.2'] } },
        cluster,
      ),
    )
    const all = [...providerNetworks, ...silent]
    const spec = NodeSpec.parse(nodeDocument(computeNode(), { ...parts, providerNetworks: all }, writer).spec)
    expect([spec.dnsUpstreamsOf?.length, spec.withoutDnsUpstreams?.length]).toEqual([128, 1024])
  })
  test('physical networks by name, where it has a switch: for machines, or as a gateway', () => {
    const on = (name: string, labels?: Record<string, string>) => {
      const nodeSelector = labels ? { nodeSelector: { matchLabels: labels } } : {}
      return stored<ProviderNetwork>(
        name,
        { type: 'flat', nodes: [{ ...nodeSelector, interface: `to-${name}` }] },
        cluster,
      )
    }
    const providerNetworks = [on('b'), on('a'), on('other', { rack: '2' })]
    const told = (labels: Record<string, string>) =>
      nodeDocument(computeNode(), { ...parts, node: kubeNode({ labels }), providerNetworks }, writer).spec
        .physicalNetworks
    const both = ['a', 'b'].map((name) => ({ name, interface: `to-${name}` }))
    expect(told(labels)).toStrictEqual(both)
    expect(told({ 'nephele.dev/network': 'gateway' })).toStrictEqual(both)
    expect(told({ 'nephele.dev/storage': 'true' })).toStrictEqual([])
  })
  test.each<[Cloud['spec']['images'], object]>([
    [{}, {}],
    [{ maxSizeGiB: 1 }, { maxSizeGiB: 1 }],
    [{ maxCachePercent: 9 }, { maxCachePercent: 9 }],
    [{ allowedNetworks: [] }, { allowedNetworks: [] }],
  ])('what the Cloud says of images and no more: %j', (images, told) => {
    const c = stored<Cloud>('default', images ? { images } : {}, cluster)
    const { spec } = nodeDocument(computeNode(), { ...parts, cloud: c }, writer) as never as {
      spec: { images: object }
    }
    expect(spec.images).toStrictEqual(told)
  })
})
