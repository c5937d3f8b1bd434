// SPDX-License-Identifier: Apache-2.0
// What each controller asks of the outside, in which order; that it waits for each answer, and that a failure ends the run.
import { describe, expect, test } from '@jest/globals'
import type {
  AddressScope,
  ComputeNode,
  Image,
  FloatingIP,
  KubeNode,
  Network,
  Port,
  Router,
  SecurityGroup,
  StoragePool,
  Subnet,
  SubnetPool,
  Volume,
  VolumeType,
} from '../../lib/api/types.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { listAnswered, type Scene } from '../testing/every-answer.ts'
import { inventoryOf } from '../testing/inventory.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { outsideWorld } from '../testing/outside-world.ts'
import { reconcileFloatingIP } from './floating-ip/reconcile.ts'
import { reconcileComputeNode } from './compute-node/reconcile.ts'
import { imageDocument } from './image/document.ts'
import { reconcileImage } from './image/reconcile.ts'
import { reconcileNetwork } from './network/reconcile.ts'
import { reconcilePort } from './port/reconcile.ts'
import { reconcileRouter } from './router/reconcile.ts'
import { reconcileSecurityGroup } from './security-group/reconcile.ts'
import { reconcileSubnetPool } from './subnet-pool/reconcile.ts'
import { reconcileSubnet } from './subnet/reconcile.ts'
import { reconcileVolume } from './volume/reconcile.ts'

const GOING = { deleted: true }
const node = (spec: ComputeNode['spec'] = {}, more: object = {}) =>
  stored<ComputeNode>('n1', spec, { namespace: '', ...more })
const image = (more: object = {}) =>
  stored<Image>(
    'guest',
    { source: { http: { url: 'http://x/y' } }, format: 'qcow2' },
    { status: { importNode: 'n1', epoch: 1 }, ...more },
  )
const network = (more: object = {}) => stored<Network>('lan', {}, more)
const subnet = (more: object = {}) => stored<Subnet>('v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }, more)
const pool = (more: object = {}) =>
  stored<SubnetPool>('pool', { prefixes: ['10.0.0.0/8'], addressScopeRef: { name: 'scope' } }, more)
const pooledSubnet = (more: object = {}) =>
  stored<Subnet>('v4', { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool' } }, more)
const group = (more: object = {}) => stored<SecurityGroup>('web', {}, more)
const router = (more: object = {}) => stored<Router>('r', { interfaces: [{ subnetRef: { name: 'v4' } }] }, more)
const port = (more: object = {}) => stored<Port>('p', { networkRef: { name: 'lan' } }, more)
const volume = (more: object = {}) =>
  stored<Volume>('data', { sizeGiB: 1 }, { status: { node: 'n1', pool: 'files', epoch: 1 }, ...more })

const TO_ETH = { networkRef: { name: 'public', namespace: 'admin' }, portRef: { name: 'eth' } }
const floatingIP = (more: object = {}, spec: Partial<FloatingIP['spec']> = {}) =>
  stored<FloatingIP>('web', { ...TO_ETH, ...spec }, more)

async function outdoors(): Promise<MemoryWorld> {
  const w = outsideWorld()
  w.port('eth', '10.0.0.11')
  const networkRef = { name: 'public', namespace: 'admin' }
  await w.step(stored<Router>('r', { interfaces: [{ subnetRef: { name: 'lan' } }], externalGateway: { networkRef } }))
  return w
}
async function networked(): Promise<MemoryWorld> {
  const w = memoryWorld()
  const [n, s] = [network(), subnet()]
  await reconcileNetwork(n, w.deps, w.run)
  w.put('networks', n)
  await reconcileSubnet(s, w.deps, w.run)
  w.put('subnets', s)
  return w
}
async function pooled(): Promise<MemoryWorld> {
  const w = await networked()
  w.put('addressScopes', stored<AddressScope>('scope', { ipVersion: 4 }))
  w.put('subnetPools', pool())
  return w
}
function oneNode(spec: ComputeNode['spec'] = {}): MemoryWorld {
  const w = memoryWorld()
  w.put(
    'nodes',
    stored<KubeNode>(
      'n1',
      {},
      { namespace: '', labels: { 'nephele.dev/image': 'true', 'nephele.dev/storage': 'true' } },
    ),
  )
  w.put('computeNodes', node(spec, { status: { roles: ['image', 'storage'] } }))
  w.put('storagePools', stored<StoragePool>('files', { driver: 'file', file: {} }, { namespace: '' }))
  w.put(
    'volumeTypes',
    stored<VolumeType>('files', { storagePoolRef: { name: 'files' }, default: true }, { namespace: '' }),
  )
  w.bus.heartbeats.expect(['n1'])
  w.bus.heartbeats.beat('n1', 'boot-0001')
  w.bus.publishInventory(inventoryOf('n1'))
  return w
}
type Reconcile<T> = (object: T, deps: MemoryWorld['deps'], run: MemoryWorld['run']) => Promise<unknown>
const scene =
  <T extends KubeObject>(
    make: () => MemoryWorld | Promise<MemoryWorld>,
    object: () => T,
    reconcile: Reconcile<T>,
  ): Scene =>
  async () => ({ world: await make(), go: ({ deps, run }) => reconcile(object(), deps, run) })

const reconcileNode: Reconcile<ComputeNode> = (object, deps, run) => reconcileComputeNode(object, deps, {}, run)
const over = () => {
  const w = oneNode()
  w.bus.conduct.find = () => ({ excess: 'Words', remainingMs: 1000 })
  return w
}
const known = async () => {
  const w = oneNode()
  await w.bus.desired.publish(imageDocument(image(), 'n1', w.deps.writer()))
  w.report('image', image(), { node: 'n1', epoch: 1, state: 'ready' })
  return w
}
const unasked = () => {
  const w = oneNode()
  w.put('computeNodes', node({}, {}))
  for (const name of ['n1', 'n2', 'n3'])
    w.report('image', image(), { node: name, epoch: 1, state: name === 'n1' ? 'gone' : 'ready' })
  return w
}
const grouped = async () => {
  const w = await networked()
  const g = stored<SecurityGroup>('default', {})
  await reconcileSecurityGroup(g, w.deps, w.run)
  w.put('securityGroups', g)
  return w
}
const listed = async () => {
  const w = await grouped()
  w.put('ports', port())
  return w
}
const used = async () => {
  const w = await networked()
  w.put(
    'ports',
    port({ status: { networkUID: 'uid-lan', fixedIPs: [{ subnet: 'v4', ipAddress: '10.0.0.9', prefixLength: 24 }] } }),
  )
  return w
}
const member = () => {
  const w = memoryWorld()
  const spec = { networkRef: { name: 'lan' }, securityGroupRefs: [{ name: 'web' }] }
  w.put('ports', stored<Port>('p', spec, { status: { securityGroupUIDs: ['uid-web'] } }))
  return w
}
const held = async () => {
  const w = await grouped()
  const p = port()
  await reconcilePort(w.put('ports', p), w.deps, w.run)
  w.put('ports', p)
  return w
}

describe.each<[string, [string, Scene, string[]][]]>([
  [
    'ComputeNode',
    [
      ['a node', scene(oneNode, () => node(), reconcileNode), ['bus.admitNode', 'desired.publish']],
      [
        'that is lost',
        scene(oneNode, () => node({ lost: 'Confirmed' }), reconcileNode),
        ['bus.admitNode', 'bus.endSessions', 'desired.publish'],
      ],
      [
        'over its share',
        scene(over, () => node(), reconcileNode),
        ['bus.admitNode', 'bus.endSessions', 'desired.publish'],
      ],
      [
        'that goes',
        scene(
          async () => {
            const w = await known()
            w.drop('nodes', stored<KubeNode>('n1', {}, { namespace: '' }))
            return w
          },
          () => node({}, GOING),
          reconcileNode,
        ),
        [...Array<string>(3).fill('desired.withdraw'), 'bus.endSessions', 'bus.dismissNode'],
      ],
    ],
  ],
  [
    'Image',
    [
      ['on its node', scene(oneNode, () => image(), reconcileImage), ['desired.publish']],
      [
        'that another node has, too',
        scene(known, () => image(), reconcileImage),
        ['desired.publish', 'desired.publish'],
      ],
      ['that goes', scene(known, () => image(GOING), reconcileImage), ['desired.publish']],
      [
        'that nodes have which were not asked',
        scene(unasked, () => image(GOING), reconcileImage),
        ['desired.publish', 'desired.publish'],
      ],
    ],
  ],
  [
    'Network',
    [
      ['made', scene(memoryWorld, () => network(), reconcileNetwork), ['network.ensure Network']],
      ['that goes', scene(memoryWorld, () => network(GOING), reconcileNetwork), ['network.remove Network']],
      [
        'in use',
        scene(used, () => network({ ...GOING, status: { logicalSwitch: 'uid-lan', mtu: 1442 } }), reconcileNetwork),
        ['network.ensure Network'],
      ],
    ],
  ],
  [
    'Subnet',
    [
      ['made', scene(networked, () => subnet(), reconcileSubnet), ['network.ensure Subnet']],
      ['that goes', scene(networked, () => subnet(GOING), reconcileSubnet), ['network.remove Subnet']],
      ['in use', scene(used, () => subnet(GOING), reconcileSubnet), ['network.ensure Subnet']],
    ],
  ],
  [
    'Subnet of a pool',
    [
      ['made', scene(pooled, () => pooledSubnet(), reconcileSubnet), ['ranges.change']],
      [
        'that goes',
        scene(pooled, () => pooledSubnet(GOING), reconcileSubnet),
        ['network.remove Subnet', 'ranges.change'],
      ],
    ],
  ],
  [
    'SubnetPool',
    [
      ['made', scene(pooled, () => pool(), reconcileSubnetPool), ['ranges.change']],
      ['that goes', scene(pooled, () => pool(GOING), reconcileSubnetPool), ['ranges.change']],
    ],
  ],
  [
    'SecurityGroup',
    [
      ['made', scene(memoryWorld, () => group(), reconcileSecurityGroup), ['network.ensure SecurityGroup']],
      ['that goes', scene(memoryWorld, () => group(GOING), reconcileSecurityGroup), ['network.remove SecurityGroup']],
      ['in use', scene(member, () => group(GOING), reconcileSecurityGroup), ['network.ensure SecurityGroup']],
    ],
  ],
  [
    'Router',
    [
      [
        'made',
        scene(networked, () => router(), reconcileRouter),
        ['addresses.claim', 'network.remove QoS', 'network.ensure Router', 'addresses.release'],
      ],
      [
        'that goes',
        scene(networked, () => router(GOING), reconcileRouter),
        ['network.remove Router', 'network.remove QoS', 'addresses.release'],
      ],
    ],
  ],
  [
    'FloatingIP',
    [
      [
        'made',
        scene(outdoors, () => floatingIP(), reconcileFloatingIP),
        ['addresses.claim', 'network.remove QoS', 'network.remove PortForwarding', 'network.ensure FloatingIP'],
      ],
      [
        'that goes',
        scene(outdoors, () => floatingIP(GOING), reconcileFloatingIP),
        ['network.remove FloatingIP', 'network.remove PortForwarding', 'network.remove QoS', 'addresses.release'],
      ],
      [
        'that goes with its port',
        scene(
          async () => {
            const w = await outdoors()
            w.put('ports', stored<Port>('eth', { networkRef: { name: 'lan' } }, GOING))
            return w
          },
          () => floatingIP({ status: { portUID: 'uid-eth' } }, { reclaimPolicy: 'Delete' }),
          reconcileFloatingIP,
        ),
        ['client.remove'],
      ],
    ],
  ],
  [
    'Port',
    [
      [
        'made, in a namespace without a group',
        scene(networked, () => port(), reconcilePort),
        ['addresses.claim', 'client.create'],
      ],
      [
        'made',
        scene(listed, () => port(), reconcilePort),
        ['addresses.claim', 'network.remove QoS', 'network.ensure Port'],
      ],
      [
        'that goes',
        scene(held, () => port(GOING), reconcilePort),
        ['network.remove Port', 'network.remove QoS', 'addresses.release'],
      ],
    ],
  ],
  [
    'Volume',
    [
      ['on its node', scene(oneNode, () => volume(), reconcileVolume), ['desired.publish']],
      ['that goes', scene(oneNode, () => volume(GOING), reconcileVolume), ['desired.publish']],
    ],
  ],
])('%s', (_, scenes) => {
  test.each(scenes)('%s', async (_name, play, expected) => {
    expect(await listAnswered(play)).toEqual(expected)
  })
})
