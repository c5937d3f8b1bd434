// SPDX-License-Identifier: Apache-2.0
// The Ports of a machine: a user's is found, an automatic one is made with all in it, and follows the machine's groups.
import { describe, expect, test } from '@jest/globals'
import { FINALIZER } from '../../../lib/api/kinds.ts'
import type { Cloud, Image, Instance, InstanceNetwork, Port } from '../../../lib/api/types.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { metadataMac } from '../../../lib/contract/metadata-port.ts'
import { generateMac } from '../../ipam/mac.ts'
import { machine, machineWorld, parts } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import type { Admitted } from './admitted.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { requestOf } from '../../../lib/api/match-interfaces.ts'
import { ensurePorts } from './ports.ts'

const admitted = (properties: Image['spec']['properties'] = {}) => ({ image: parts.image({ properties }) }) as Admitted
const withNics = (networks: InstanceNetwork[], more: object = {}, spec: object = {}) =>
  machine({ networks, ...spec }, more)
const ensure = (w: MemoryWorld, i: Instance, of = admitted()) => ensurePorts(i, of, w.deps, w.run)
const name = (index: number) => automaticPortName(machine(), index)
const ownMac = generateMac('fa:16:3e', 'uid-vm/0')
const made = (w: MemoryWorld) => w.deps.caches.ports.list()
const lan = { networkRef: { name: 'lan' } }
/** Ours already, as the cache has it. */
const existing = (spec: object = {}, more: object = {}) =>
  stored<Port>(
    name(0),
    { ...lan, ...spec },
    { status: { origin: 'Instance', owner: { name: 'vm', uid: 'uid-vm' } }, ...more },
  )
const reason = (is: string, message: string) => ({
  ok: false,
  outcome: expect.objectContaining({ kind: 'wait', reason: is, message: expect.stringContaining(message) }),
})

describe('a user’s Port', () => {
  const mine = { name: 'vm', uid: 'uid-vm' }
  const other = { name: 'vm2', uid: 'uid-vm2' }
  const macAddress = 'fa:16:3e:00:00:01'
  test.each<[string, Port['status'] | undefined, boolean, string | undefined, string]>([
    ['is looked at, and free', { macAddress }, false, undefined, ''],
    ['has no MAC yet', { instance: mine }, false, 'PortNotReady', 'waiting for Port eth'],
    ['was not looked at', undefined, false, 'PortNotReady', 'waiting for Port eth'],
    ['is the machine’s', { macAddress, instance: mine }, true, undefined, ''],
    [
      'is another machine’s',
      { macAddress, instance: other },
      false,
      'PortInUse',
      'spec.networks[0].portRef is used by Instance vm2',
    ],
    [
      'is an automatic one of another',
      { macAddress, origin: 'Instance', owner: other },
      false,
      'PortInUse',
      'Instance (another)',
    ],
    ['is nobody’s while the machine has its node', { macAddress }, true, 'PortNotReady', 'to be given to a machine'],
  ])('that %s', async (_, status, isPlaced, why, message) => {
    const w = machineWorld()
    const port = w.put('ports', stored<Port>('eth', lan, status ? { status } : {}))
    const place = isPlaced ? { status: { node: 'c1', epoch: 1 } } : {}
    const said = await ensure(w, withNics([{ portRef: { name: 'eth' } }], place))
    if (why === undefined) expect(said).toMatchObject({ ok: true, object: [{ metadata: { uid: port.metadata.uid } }] })
    else expect(said).toEqual(reason(why, message))
  })

  test('that does not exist is waited for', async () => {
    expect(await ensure(machineWorld(), withNics([{ portRef: { name: 'eth' } }]))).toEqual(
      reason('PortNotFound', 'Port ns/eth in spec.networks[0].portRef'),
    )
  })
})

describe('an automatic Port', () => {
  test('is made with its finalizer, its owner, its MAC and its addresses in one write', async () => {
    const w = machineWorld()
    expect(await ensure(w, withNics([lan], {}, { securityGroupRefs: [{ name: 'web' }] }))).toMatchObject({ ok: true })
    expect(made(w)).toMatchObject([
      {
        metadata: {
          ...{ name: name(0), namespace: 'ns', finalizers: [FINALIZER] },
          ownerReferences: [
            { kind: 'Instance', name: 'vm', uid: 'uid-vm', controller: true, blockOwnerDeletion: false },
          ],
        },
        spec: {
          ...{ networkRef: { name: 'lan' }, macAddress: ownMac, vnicType: 'normal' },
          fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.2' }],
          securityGroupRefs: [{ name: 'web' }],
        },
      },
    ])
  })

  test('of each interface, in the order of the guest, as far as they come', async () => {
    const w = machineWorld()
    const nics = [lan, { portRef: { name: 'eth' } }, lan]
    expect(await ensure(w, withNics(nics))).toEqual(reason('PortNotFound', 'networks[1]'))
    expect(made(w).map((p) => p.metadata.name)).toEqual([name(0)])
    w.put('ports', stored<Port>('eth', lan, { status: { macAddress: 'fa:16:3e:00:00:01' } }))
    const all = await ensure(w, withNics(nics))
    expect(all.ok && all.object.map((p) => p.metadata.name)).toEqual([name(0), 'eth', name(2)])
    expect(made(w)[2]?.spec.macAddress).toBe(generateMac('fa:16:3e', 'uid-vm/2'))
  })

  test('of a machine without groups names none', async () => {
    const w = machineWorld()
    await ensure(w, withNics([lan]))
    expect(made(w)[0]?.spec).not.toHaveProperty('securityGroupRefs')
  })

  test.each<[string, InstanceNetwork['networkRef'], object]>([
    ['of its own namespace', { name: 'lan' }, { name: 'lan' }],
    ['of its own namespace, written out', { name: 'lan', namespace: 'ns' }, { name: 'lan' }],
    ['of another namespace', { name: 'lan', namespace: 'infra' }, { name: 'lan', namespace: 'infra' }],
  ])('on a Network %s', async (_, networkRef, expected) => {
    const w = machineWorld()
    const infra = { namespace: 'infra', uid: 'uid-infra' }
    w.put('networks', { ...parts.network(infra), spec: { sharedWith: [{ namespace: 'ns' }] } })
    w.put('subnets', { ...parts.subnet(), metadata: { ...parts.subnet().metadata, ...infra } })
    await ensure(w, withNics([{ networkRef: networkRef! }]))
    expect(made(w)[0]?.spec.networkRef).toStrictEqual(expected)
  })

  test.each<[InstanceNetwork['vnicType'], Record<string, string>, string]>([
    [undefined, {}, 'normal'],
    [undefined, { hw_vif_type: 'vhostuser' }, 'vhostuser'],
    [undefined, { hw_vif_type: 'tap' }, 'normal'],
    ['normal', { hw_vif_type: 'vhostuser' }, 'normal'],
    ['vhostuser', {}, 'vhostuser'],
  ])('asked for as %s, of an image with %j: %s', async (vnicType, properties, expected) => {
    const w = machineWorld()
    await ensure(w, withNics([{ ...lan, ...(vnicType ? { vnicType } : {}) }]), admitted(properties))
    expect(made(w)[0]?.spec.vnicType).toBe(expected)
  })

  test.each<[string, (w: MemoryWorld) => unknown, string, string]>([
    ['a name that another Port has', (w) => w.put('ports', stored<Port>(name(0), lan)), 'PortNameTaken', 'delete it'],
    ['no Network', (w) => w.drop('networks', parts.network()), 'NetworkNotFound', 'spec.networks[0].networkRef'],
    ['no Subnet', (w) => w.drop('subnets', parts.subnet()), 'NoSubnet', 'lan'],
  ])('is not made with %s', async (_, change, why, message) => {
    const w = machineWorld()
    change(w)
    const before = made(w).length
    expect(await ensure(w, withNics([lan]))).toEqual(reason(why, message))
    expect(made(w)).toHaveLength(before)
  })

  test('that is there already and not seen yet is looked for soon; another answer goes up', async () => {
    const w = machineWorld()
    const create = w.run.client.create.bind(w.run.client)
    const answer = (error: Error) =>
      Object.assign(w.run.client, {
        create: async (kind: { kind: string }, object: never) => {
          if (kind.kind === 'Port') throw error
          return create(kind as never, object)
        },
      })
    answer(new ApiError('create', 409, { reason: 'AlreadyExists' }))
    expect(await ensure(w, withNics([lan]))).toMatchObject({
      ok: false,
      outcome: { reason: 'PortPending', retryAfterMs: 200 },
    })
    answer(new ApiError('create', 403, { reason: 'Forbidden' }))
    await expect(ensure(w, withNics([lan]))).rejects.toThrow()
  })
})

describe('its MAC', () => {
  const taken = (mac: string, network: string) =>
    stored<Port>('other', { networkRef: { name: network }, macAddress: mac })
  const wanted = 'fa:16:3e:00:00:07'
  const macOf = async (w: MemoryWorld, nic: InstanceNetwork = lan) => {
    const said = await ensure(w, withNics([nic]))
    return said.ok ? said.object[0]?.spec.macAddress : said
  }
  test('as it is asked for, when nobody has it on this Network', async () => {
    const w = machineWorld()
    w.put('ports', taken(wanted, 'wan'))
    expect(await macOf(w, { ...lan, macAddress: wanted })).toBe(wanted)
  })
  test('not one that another Port has', async () => {
    const w = machineWorld()
    w.put('ports', taken(wanted, 'lan'))
    const why = reason('MACInUse', `spec.networks[0].macAddress ${wanted} is taken on Network ns/lan`)
    expect(await macOf(w, { ...lan, macAddress: wanted })).toEqual(why)
  })
  test('not one of the network’s own', async () => {
    await expect(macOf(machineWorld(), { ...lan, macAddress: metadataMac('uid-lan') })).rejects.toThrow(
      'metadata service',
    )
  })
  test('made with the Cloud’s prefix', async () => {
    const w = machineWorld()
    w.put('clouds', stored<Cloud>('default', { macPrefix: '0a:00:01' }, { namespace: '' }))
    expect(await macOf(w)).toBe(generateMac('0a:00:01', 'uid-vm/0'))
  })
  test('made once more when another Port has it', async () => {
    const w = machineWorld()
    w.put('ports', taken(ownMac, 'lan'))
    expect(await macOf(w)).toBe(generateMac('fa:16:3e', 'uid-vm/0', 1))
  })
  test('looked for again after a minute when all are taken', async () => {
    const w = machineWorld()
    for (let n = 0; n < 64; n++) {
      const other = taken(generateMac('fa:16:3e', 'uid-vm/0', n), 'lan')
      w.put('ports', { ...other, metadata: { ...other.metadata, name: `other-${n}`, uid: `uid-${n}` } })
    }
    expect(await macOf(w)).toMatchObject({ outcome: { reason: 'NoFreeMAC', retryAfterMs: 60_000 } })
  })
})

describe('the groups of an automatic Port are the machine’s', () => {
  const web = [{ name: 'web' }]
  test.each<[string, object | undefined, object | undefined, object, object | undefined]>([
    ['the same', web, web, {}, undefined],
    ['none, and none', undefined, undefined, {}, undefined],
    ['others', web, [{ name: 'old' }], {}, { securityGroupRefs: web }],
    ['none any more', undefined, web, {}, { securityGroupRefs: null }],
    ['others, but the Port goes', web, undefined, { deleted: true }, undefined],
  ])('%s', async (_, wanted, has, more, spec) => {
    const w = machineWorld()
    const port = w.put('ports', existing(has ? { securityGroupRefs: has } : {}, more))
    const patches: unknown[] = []
    const patched = stored<Port>('patched', lan)
    Object.assign(w.run.client, {
      mergePatch: async (_kind: unknown, ref: object, patch: object) => {
        patches.push([ref, patch])
        return patched
      },
    })
    // Out of a cache, as the port is.
    const record = { slot: 0, port: name(0), portUID: port.metadata.uid, request: requestOf(lan) ?? '' }
    const status = { interfaces: [record] }
    const instance = structuredClone(withNics([lan], { status }, wanted ? { securityGroupRefs: wanted } : {}))
    const said = await ensure(w, instance)
    expect(said.ok && said.object[0]?.metadata.name).toBe(spec ? 'patched' : name(0))
    const { resourceVersion } = port.metadata
    expect(patches).toEqual(
      spec
        ? [
            [
              { namespace: 'ns', name: name(0) },
              { metadata: { resourceVersion }, spec },
            ],
          ]
        : [],
    )
  })
})
