// SPDX-License-Identifier: Apache-2.0
// An object refers to something that does not exist, or that is being deleted and then made anew.
import type { Caches } from '../../kind/row.ts'
import { ns, type QuietCloud } from '../quiet-cloud.ts'
import { anew, disk, port, vm, type WaitRow } from './row.ts'

const WHO = {
  vm: { where: vm, make: (c: QuietCloud, spec: object) => c.vm('vm', spec) },
  port: { where: port, make: (c: QuietCloud, spec: object) => c.port('eth', spec) },
  subnet: { where: ['subnets', ns('more')] as const, make: (c: QuietCloud, spec: object) => c.subnet('more', spec) },
  router: { where: ['routers', ns('r')] as const, make: (c: QuietCloud, spec: object) => c.make('routers', 'r', spec) },
  disk: { where: disk, make: (c: QuietCloud, spec: object) => c.volume('disk', spec) },
}

interface Reference {
  who: keyof typeof WHO
  cache: keyof Caches
  kind: string
  spec: object
  next?: string
}

const TO = { name: 'other' }
const REFERENCES: Reference[] = [
  { who: 'vm', cache: 'flavors', kind: 'Flavor', spec: { flavorRef: TO } },
  { who: 'vm', cache: 'images', kind: 'Image', spec: { imageRef: TO } },
  { who: 'vm', cache: 'keyPairs', kind: 'KeyPair', spec: { keyPairRef: TO } },
  { who: 'vm', cache: 'networks', kind: 'Network', spec: { networks: [{ networkRef: TO }] }, next: 'NoSubnet' },
  { who: 'vm', cache: 'serverGroups', kind: 'ServerGroup', spec: { serverGroupRef: TO } },
  { who: 'vm', cache: 'volumes', kind: 'Volume', spec: { volumes: [{ volumeRef: TO }] } },
  { who: 'vm', cache: 'ports', kind: 'Port', spec: { networks: [{ portRef: TO }] } },
  { who: 'port', cache: 'networks', kind: 'Network', spec: { networkRef: TO }, next: 'NoSubnet' },
  { who: 'port', cache: 'securityGroups', kind: 'SecurityGroup', spec: { securityGroupRefs: [TO] } },
  { who: 'subnet', cache: 'networks', kind: 'Network', spec: { networkRef: TO, cidr: '10.1.0.0/24' } },
  // The Subnet overlaps the present one of its Network.
  {
    ...{ who: 'router', cache: 'subnets', kind: 'Subnet', spec: { interfaces: [{ subnetRef: TO }] } },
    next: 'SubnetNotReady',
  },
  { who: 'router', cache: 'ports', kind: 'Port', spec: { interfaces: [{ portRef: TO }] } },
]

function missing({ who, cache, kind, spec, next }: Reference): WaitRow {
  const { where, make } = WHO[who]
  return {
    ...{ reason: `${kind}NotFound`, where, ...(next === undefined ? {} : { next }) },
    waits: (c) => make(c, spec),
    ends: (c) => c.make(cache, 'other'),
  }
}

function deleting(reference: Reference): WaitRow {
  const { who, cache, kind, spec, next } = reference
  return {
    ...{ reason: `${kind}Deleting`, where: WHO[who].where, ...(next === undefined ? {} : { next }) },
    waits: (c) => {
      c.hold(cache, 'other')
      WHO[who].make(c, spec)
    },
    ends: anew(cache, 'other', (c) => c.make(cache, 'other')),
  }
}

const rule = (name: string) => ({ rules: [{ direction: 'ingress', remoteGroupRef: { name } }] })

const from = (name: string) => ({ rules: [{ direction: 'ingress', remoteAddressGroupRef: { name } }] })

export const REFERENCE_ROWS: WaitRow[] = [
  ...REFERENCES.map(missing),
  ...REFERENCES.map(deleting),
  {
    reason: 'VolumeTypeNotFound',
    where: disk,
    waits: (c) => c.volume('disk', { volumeTypeRef: TO }),
    ends: (c) => c.make('volumeTypes', 'other'),
  },
  {
    reason: 'VolumeTypeNotFound',
    by: 'not shared',
    where: disk,
    waits: (c) => {
      c.make('volumeTypes', 'other', { public: false })
      c.volume('disk', { volumeTypeRef: TO })
    },
    ends: (c) => c.set('volumeTypes', 'other', { public: true }),
  },
  {
    reason: 'ImageNotFound',
    by: 'not shared',
    where: vm,
    waits: async (c) => {
      c.operator.create(
        'images',
        { namespace: 'library', name: 'base' },
        { ...c.specOf('images'), visibility: 'private' },
      )
      c.vm('vm', { imageRef: { namespace: 'library', name: 'base' } })
    },
    ends: (c) =>
      c.operator.change('images', { namespace: 'library', name: 'base' }, (spec) =>
        Object.assign(spec, { visibility: 'public' }),
      ),
  },
  {
    reason: 'SecurityGroupNotFound',
    by: 'rule',
    where: ['securityGroups', ns('web')],
    waits: (c) => c.make('securityGroups', 'web', rule('other')),
    ends: (c) => c.make('securityGroups', 'other'),
  },
  {
    reason: 'SecurityGroupNotFound',
    by: 'rule, not shared',
    where: ['securityGroups', ns('web')],
    waits: (c) => {
      c.operator.create('securityGroups', { namespace: 'library', name: 'web' }, {})
      c.make('securityGroups', 'web', {
        rules: [{ direction: 'ingress', remoteGroupRef: { namespace: 'library', name: 'web' } }],
      })
    },
    ends: (c) =>
      c.operator.change('securityGroups', { namespace: 'library', name: 'web' }, (spec) =>
        Object.assign(spec, { sharedWith: [{ namespace: '*' }] }),
      ),
  },
  {
    reason: 'SecurityGroupDeleting',
    by: 'rule',
    where: ['securityGroups', ns('web')],
    waits: (c) => {
      c.hold('securityGroups', 'other')
      c.make('securityGroups', 'web', rule('other'))
    },
    ends: (c) => c.set('securityGroups', 'web', { rules: [] }),
  },
  {
    reason: 'AddressGroupNotFound',
    where: ['securityGroups', ns('web')],
    waits: (c) => c.make('securityGroups', 'web', from('other')),
    ends: (c) => c.make('addressGroups', 'other'),
  },
  {
    reason: 'AddressGroupDeleting',
    where: ['securityGroups', ns('web')],
    waits: (c) => {
      c.hold('addressGroups', 'other')
      c.make('securityGroups', 'web', from('other'))
    },
    ends: (c) => c.set('securityGroups', 'web', { rules: [] }),
  },
  {
    reason: 'StoragePoolNotFound',
    where: ['volumeTypes', TO],
    waits: (c) => c.make('volumeTypes', 'other', { storagePoolRef: { name: 'fast' } }),
    ends: (c) => c.make('storagePools', 'fast'),
  },
]
