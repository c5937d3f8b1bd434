// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import type { Observation } from '../runtime/reconciler.ts'
import { instanceDocument, runContext, tombstoneOf, type ContextOptions } from './testing.ts'
import { findPorts, findWaiting, rootBytes, toInstanceWant } from './want.ts'

const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 5 * 2 ** 30 }
const port = (uid: string, more: Partial<PortDocument['spec']> = {}): PortDocument => {
  const { v, node, versions } = instanceDocument()
  return {
    ...{ v, kind: 'port', uid, node, versions, name: uid, namespace: 'team-a', tombstone: false },
    spec: {
      ...{ logicalPort: uid, networkUid: 'net', mac: 'fa:16:3e:00:00:01', mtu: 1442, vnicType: 'normal' },
      fixedIPs: [{ address: '10.0.0.2', prefixLength: 24 }],
      ...more,
    },
  }
}
const withPorts = (...uids: string[]): InstanceDocument =>
  instanceDocument({ ports: uids.map((uid) => ({ uid, name: `name-${uid}`, networkName: 'n' })) })

const given: Observation = {
  state: 'plugging',
  facts: { virtualFunction: { address: '0000:03:10.2', interface: 'v2' } },
}

describe('what comes first', () => {
  const failed = (message: string): Observation => ({
    state: 'failed',
    error: { reason: 'x', message, terminal: false },
  })
  const vhost = port('a', { vnicType: 'vhostuser' })
  const direct = port('a', { vnicType: 'direct', virtualFunction: { physicalNetwork: 'dc' } })
  test.each<[string, ContextOptions, string | undefined]>([
    ['nothing is missing', { image, ports: [port('a')] }, undefined],
    ['the image', { ports: [port('a')] }, 'the image is not here on this node'],
    ['a port', { image }, 'port name-a is not on this node yet'],
    ['a vhost-user port', { image, ports: [vhost] }, 'vhost-user port name-a is not plugged yet'],
    [
      'one that failed',
      { image, ports: [vhost], observedPorts: { a: failed('no hugepages') } },
      'vhost-user port name-a is not plugged yet: no hugepages',
    ],
    ['one that is plugged', { image, ports: [vhost], observedPorts: { a: { state: 'plugging' } } }, undefined],
    ['one that has no virtual function', { image, ports: [direct] }, 'port name-a has no virtual function yet'],
    [
      'one that gets none',
      { image, ports: [direct], observedPorts: { a: failed('all are taken') } },
      'port name-a has no virtual function yet: all are taken',
    ],
    ['one that has one', { image, ports: [direct], observedPorts: { a: given } }, undefined],
    ['one with its link', { image, ports: [vhost], observedPorts: { a: { state: 'active' } } }, undefined],
  ])('%s', (_, options, message) => {
    expect(findWaiting(withPorts('a'), runContext(options).state)?.message).toBe(message)
  })

  test('says why an image is not ready, and looks at every port', () => {
    const { state } = runContext({ ports: [port('a')] })
    const broken = { ...state, findObserved: () => failed('the server answers 404') }
    expect(findWaiting(withPorts('a'), broken)).toEqual({
      reason: 'ImageNotReady',
      message: 'the image is failed on this node: the server answers 404',
    })
    expect(findWaiting(withPorts('a', 'b'), runContext({ image, ports: [port('a')] }).state)).toEqual({
      reason: 'PortNotReady',
      message: 'port name-b is not on this node yet',
    })
  })

  test('a port that two machines of the node name is one’s alone', () => {
    const [mine, other] = [withPorts('a'), withPorts('a')]
    const { state } = runContext({ image, ports: [port('a', { instanceUid: mine.uid })] })
    expect(findPorts(mine, state).map(({ uid }) => uid)).toEqual(['a'])
    expect(findWaiting(mine, state)).toBeUndefined()
    expect(findPorts(other, state)).toEqual([])
    expect(findWaiting(other, state)).toEqual({
      reason: 'PortNotReady',
      message: 'port name-a is another machine’s on this node',
    })
    expect(toInstanceWant(other, findPorts(other, state), state, () => []).nics).toEqual([])
  })

  test('a port that is to go is nobody’s', () => {
    const gone = { ...tombstoneOf(instanceDocument({ uid: 'a' })), kind: 'port' } as unknown as PortDocument
    const { state } = runContext({ image, ports: [gone] })
    expect(findWaiting(withPorts('a'), state)?.message).toBe('port name-a is not on this node yet')
  })

  test('ports are in the order of the machine, without those that have not come or are to go', () => {
    const gone = { ...tombstoneOf(instanceDocument({ uid: 'c' })), kind: 'port' } as unknown as PortDocument
    const { state } = runContext({ ports: [port('a'), port('b'), gone] })
    expect(findPorts(withPorts('b', 'x', 'c', 'a'), state).map(({ uid }) => uid)).toEqual(['b', 'a'])
  })
})

describe('what a driver is asked for', () => {
  const files = () => [{ path: 'x', content: 'y' }]
  const connection = { protocol: 'file' as const, path: '/p/v', format: 'raw' as const }

  test('a virtual function is what the node gave the port, with the tag of its network', () => {
    const nicOf = (more: object, observedPorts: Record<string, Observation> = { a: given }) => {
      const ports = [port('a', { vnicType: 'direct', virtualFunction: { physicalNetwork: 'dc', ...more } })]
      return toInstanceWant(withPorts('a'), ports, runContext({ image, ports, observedPorts }).state, files).nics[0]
    }
    expect(nicOf({ vlan: 42 })).toMatchObject({
      vnicType: 'direct',
      virtualFunction: { address: '0000:03:10.2', interface: 'v2', vlan: 42 },
    })
    expect(nicOf({})?.virtualFunction).toEqual({ address: '0000:03:10.2', interface: 'v2' })
    expect(nicOf({ vlan: 42 }, {})).not.toHaveProperty('virtualFunction')
  })

  test('all of the document', () => {
    const document = instanceDocument({
      ...{ uid: 'u', vcpus: 2, memoryMiB: 256, rootDiskGiB: 7, ephemeralGiB: 3, swapMiB: 4, requireKvm: true },
      ...{ hostname: 'host', configDrive: true, image: { format: 'qcow2' } },
      volumes: [
        { uid: 'v', name: 'v', connection, sizeGiB: 9 },
        { uid: 'w', name: 'w', connection },
      ],
    })
    document.versions.epoch = 6
    const named = { name: 'p', networkName: 'n' }
    document.spec.ports = [{ uid: 'a', ...named, slot: 4 }, ...['b', 'c'].map((uid) => ({ uid, ...named }))]
    document.spec.image.properties = { hw_disk_bus: 'virtio' }
    const ports = [port('a', { network: 'team-a/n', vnicType: 'vhostuser', mtu: 9000 }), port('b', { fixedIPs: [] })]
    expect(toInstanceWant(document, ports, runContext({ image }).state, files)).toStrictEqual({
      ...{ uid: 'u', epoch: 6, namespace: 'team-a', name: 'vm1', hostname: 'host', vcpus: 2, memoryMiB: 256 },
      ...{ requireKvm: true, ephemeralGiB: 3, swapMiB: 4, properties: { hw_disk_bus: 'virtio' } },
      root: { sha256: '0'.repeat(64), format: 'qcow2', sizeBytes: 7 * 2 ** 30 },
      nics: [
        {
          ...{ portUid: 'a', slot: 4, mac: 'fa:16:3e:00:00:01', networkUid: 'net', network: 'team-a/n' },
          ...{ addresses: ['10.0.0.2'], mtu: 9000, vnicType: 'vhostuser' },
        },
        {
          ...{ portUid: 'b', slot: 1, mac: 'fa:16:3e:00:00:01', networkUid: 'net' },
          ...{ addresses: [], mtu: 1442, vnicType: 'normal' },
        },
      ],
      ports: ['a', 'b', 'c'],
      volumes: [
        { uid: 'v', connection, sizeGiB: 9 },
        { uid: 'w', connection },
      ],
      configDrive: [{ path: 'x', content: 'y' }],
    })
  })

  test('no config drive unless one is wanted', () => {
    const want = toInstanceWant(instanceDocument(), [], runContext({ image }).state, files)
    expect(want).not.toHaveProperty('configDrive')
    const clusterWide = { ...instanceDocument(), namespace: undefined }
    expect(toInstanceWant(clusterWide, [], runContext({ image }).state, files).namespace).toBe('')
  })

  test.each([
    ['the flavor’s', 7, image, 7],
    ['the image’s where that is larger', 3, image, 5],
    ['the flavor’s when the image’s is not known', 3, undefined, 3],
  ])('a root disk of %s size', (_, rootDiskGiB, at, expected) => {
    const { state } = runContext(at ? { image: at } : {})
    expect(rootBytes(instanceDocument({ rootDiskGiB }), state)).toBe(expected * 2 ** 30)
  })
})
