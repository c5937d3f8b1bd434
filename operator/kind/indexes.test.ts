// SPDX-License-Identifier: Apache-2.0
// Under which keys an object is found: what is missing here is woken by nothing.
import { expect, test } from '@jest/globals'
import type { Image, Instance, IPClaim, Port, SecurityGroup, Subnet, Volume, VolumeType } from '../../lib/api/types.ts'
import type { Indexes } from '../../lib/informer/cache.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { stored } from '../testing/memory-deps.ts'
import { KINDS } from '../kinds.ts'
import { indexesOf } from './references.ts'

const [images, instances, ipClaims, ports, securityGroups, subnets, volumes, volumeTypes] = [
  indexesOf(KINDS.images),
  indexesOf(KINDS.instances),
  indexesOf(KINDS.ipClaims),
  indexesOf(KINDS.ports),
  indexesOf(KINDS.securityGroups),
  indexesOf(KINDS.subnets),
  indexesOf(KINDS.volumes),
  indexesOf(KINDS.volumeTypes),
]

/** All keys of the object, by index; empty lists are left out. */
function keysOf<T extends KubeObject>(of: Indexes<T>, object: T): Record<string, readonly string[]> {
  const keys = Object.entries(of).map(([name, index]) => [name, [...index(object)]] as const)
  return Object.fromEntries(keys.filter(([, list]) => list.length > 0))
}

const at = (name: string, namespace?: string) => ({ name, ...(namespace === undefined ? {} : { namespace }) })
const REFS = { flavorRef: at('small'), imageRef: at('guest', 'shared') }
const NICS = [
  { networkRef: at('lan'), macAddress: 'fa:16:3e:00:00:01' },
  { networkRef: at('wan', 'shared') },
  { portRef: at('web') },
]

test('of a machine that has no node yet', () => {
  const volumes = [{ volumeRef: at('data') }]
  const instance = stored<Instance>('vm', { ...REFS, networks: NICS, volumes, keyPairRef: at('me') })
  const [first, second] = instances['port']!(instance)
  expect(keysOf<Instance>(instances, instance)).toEqual({
    image: ['shared/guest'],
    flavor: ['small'],
    keyPair: ['ns/me'],
    network: ['ns/lan', 'shared/wan'],
    unplacedOn: ['ns/lan', 'shared/wan'],
    unplacedMac: ['ns/lan|fa:16:3e:00:00:01'],
    port: [first, second, 'ns/web'],
    volume: ['ns/data'],
  })
})

test('of one that has a node, and others that it has not left', () => {
  const status = { node: 'c1', epoch: 3, pendingReleases: [{ node: 'c2', epoch: 2 }] }
  const instance = stored<Instance>('vm', { ...REFS, networks: NICS }, { status })
  const keys = keysOf<Instance>(instances, instance)
  expect(keys).toEqual({
    port: instances['port']!(instance),
    node: ['c1', 'c2'],
    image: ['shared/guest'],
    flavor: ['small'],
    network: ['ns/lan', 'shared/wan'],
  })
  const leaving = { ...instance, status: { pendingReleases: [{ node: 'c2', epoch: 2 }] } }
  expect(instances['node']!(leaving)).toEqual(['c2'])
})

test('of a port that waits for all it needs', () => {
  const port = stored<Port>('p', { networkRef: at('lan') }, { status: {} })
  expect(keysOf<Port>(ports, port)).toMatchObject({
    network: ['ns/lan'],
    withoutAddress: ['ns/lan'],
    unplaced: ['ns/lan'],
  })
  const keys = Object.keys(keysOf<Port>(ports, port))
  for (const absent of ['mac', 'address', 'pair', 'pairRange', 'node']) expect(keys).not.toContain(absent)
})

test('of a port that has them', () => {
  const spec = {
    networkRef: at('lan', 'shared'),
    fixedIPs: [{ subnetRef: at('s'), ipAddress: '10.0.0.9' }, { subnetRef: at('t') }],
    allowedAddressPairs: [{ ipAddress: '10.0.0.50' }, { ipAddress: '10.0.1.0/24' }],
    securityGroupRefs: [at('web')],
  }
  const fixedIPs = ['10.0.0.9', '10.0.0.10'].map((ipAddress) => ({ subnet: 's', ipAddress }))
  const status = {
    node: 'c1',
    macAddress: 'fa:16:3e:00:00:02',
    fixedIPs,
  }
  const port = stored<Port>('p', spec, { status: status as Port['status'] })
  expect(keysOf<Port>(ports, port)).toMatchObject({
    network: ['shared/lan'],
    mac: ['shared/lan|fa:16:3e:00:00:02'],
    address: ['shared/lan|10.0.0.9', 'shared/lan|10.0.0.10'],
    pair: ['shared/lan|10.0.0.50', 'shared/lan|10.0.1.0/24'],
    pairRange: ['shared/lan'],
    node: ['c1'],
  })
  const keys = Object.keys(keysOf<Port>(ports, port))
  for (const absent of ['withoutAddress', 'unplaced', 'speaking']) expect(keys).not.toContain(absent)
  const asked = { ...port, spec: { ...port.spec, macAddress: 'fa:16:3e:00:00:03', allowedAddressPairs: [] } }
  expect(ports['mac']!(asked)).toEqual(['shared/lan|fa:16:3e:00:00:03', 'shared/lan|fa:16:3e:00:00:02'])
  expect(ports['pairRange']!(asked)).toEqual([])
})

test.each<[string, Volume['spec'], Volume['status'], object]>([
  ['without a place', { sizeGiB: 1 }, undefined, { type: [''] }],
  ['without a place, of a type', { sizeGiB: 1, volumeTypeRef: at('fast') }, {}, { type: ['fast'] }],
  ['placed', { sizeGiB: 1 }, { node: 's1', pool: 'files' }, { type: [''], node: ['s1'], pool: ['files'] }],
  [
    'in use',
    { sizeGiB: 1 },
    { node: 's1', pool: 'files', attachedTo: { name: 'vm', uid: 'u', node: 'c1' } },
    { type: [''], node: ['s1'], pool: ['files'], attachedTo: ['u'], usedOn: ['c1'] },
  ],
])('of a volume %s', (_, spec, status, keys) => {
  expect(keysOf<Volume>(volumes, stored<Volume>('data', spec, status ? { status } : {}))).toMatchObject(keys)
})

const image = (more: object) => stored<Image>('i', { source: { http: { url: 'http://x/y' } }, format: 'raw' }, more)

test('of what little else there is', () => {
  expect(keysOf<Image>(images, image({}))).toEqual({ unplaced: ['true'] })
  const status = { importNode: 'n1' }
  expect(keysOf<Image>(images, image({ status }))).toEqual({ importNode: ['n1'] })
  expect(keysOf<Image>(images, image({ status, deleted: true }))).toEqual({
    importNode: ['n1'],
    unplaced: ['true'],
  })
  const subnet = stored<Subnet>('s', { networkRef: at('lan'), cidr: '10.0.0.0/24' })
  expect(keysOf<Subnet>(subnets, subnet)).toEqual({ network: ['ns/lan'] })
  const rules = [{ remoteGroupRef: at('db') }, {}, { remoteGroupRef: at('web', 'shared') }]
  const group = stored<SecurityGroup>('g', { rules: rules as never })
  expect(keysOf<SecurityGroup>(securityGroups, group)).toEqual({ remoteGroup: ['ns/db', 'shared/web'] })
  const type = stored<VolumeType>('standard', { storagePoolRef: at('files') }, { namespace: '' })
  expect(keysOf<VolumeType>(volumeTypes, type)).toEqual({ pool: ['files'] })
  const claims = [
    { address: '10.0.0.2', portRef: { namespace: 'ns', name: 'p' }, instanceUid: 'u' },
    { address: '10.0.0.3', portRef: { namespace: 'ns', name: 'p' }, instanceUid: 'u' },
    { address: '10.0.0.4', portRef: { namespace: 'other', name: 'p' } },
  ]
  const claim = stored<IPClaim>('c', { subnetRef: { name: 's', uid: 'su' }, block: '10.0.0.0/28', claims })
  expect(keysOf<IPClaim>(ipClaims, claim)).toEqual({
    subnet: ['su'],
    port: ['ns/p', 'other/p'],
    instance: ['u'],
  })
})
