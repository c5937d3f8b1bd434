// SPDX-License-Identifier: Apache-2.0
// A Network that is shared: whoever owns it says who is its gateway, its virtual address, its name server. Nobody else takes them.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, Network, Port, SecurityGroup } from '../../../lib/api/types.ts'
import { generateMac } from '../../ipam/mac.ts'
import { machine, machineWorld, parts, step as stepMachine } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { resolveMac } from './addresses.ts'
import { reconcilePort } from './reconcile.ts'

const MAC = '00:00:5e:00:01:01'
const LAN = { name: 'lan', namespace: 'ns' }
const OTHERS = { namespace: 'b' }
const DONE = { kind: 'done' }
let w: MemoryWorld
let network: Network

beforeEach(async () => {
  w = machineWorld()
  network = stored<Network>('lan', { sharedWith: [{ namespace: '*' }] })
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = parts.subnet()
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  for (const namespace of ['ns', 'b']) {
    const uid = `group-${namespace}`
    w.put('securityGroups', stored<SecurityGroup>('default', {}, { namespace, uid, status: { state: 'ACTIVE' } }))
    await w.network.ensure({ kind: 'SecurityGroup', uid, namespace: '', name: '', generation: 1, rules: [] })
  }
  w.put('images', parts.image({ visibility: 'public' }))
})

const at = (...addresses: (string | undefined)[]) => ({
  fixedIPs: addresses.map((ipAddress) => ({
    subnetRef: { name: 'lan-v4' },
    ...(ipAddress === undefined ? {} : { ipAddress }),
  })),
})
const port = (name: string, namespace: string, spec: Partial<Port['spec']> = {}, more: object = {}) =>
  stored<Port>(name, { networkRef: LAN, ...spec }, { namespace, ...more })
const step = async (p: Port) => {
  w.put('ports', p)
  const outcome = await reconcilePort(p, w.deps, w.run).catch((error: unknown) => error)
  w.put('ports', p)
  return outcome
}
const rowOf = (p: Port) => w.network.rows.of('Port').get(p.metadata.uid)
const refused = (field: string) => ({
  name: 'TerminalError',
  reason: 'NotNetworkOwner',
  message: `${field} can be chosen only in the namespace of Network ns/lan: leave it out, and one is given (a Subnet may be named)`,
})

describe('a Port of another namespace', () => {
  test.each<[string, Partial<Port['spec']>, string]>([
    ['the gateway’s address', at('10.0.0.1'), 'spec.fixedIPs[0].ipAddress'],
    ['an address that nobody has', at('10.0.0.9'), 'spec.fixedIPs[0].ipAddress'],
    ['one beside one that it is given', at(undefined, '10.0.0.9'), 'spec.fixedIPs[1].ipAddress'],
    ['a MAC', { macAddress: MAC }, 'spec.macAddress'],
    ['a MAC, of a Subnet that it names', { ...at(undefined), macAddress: MAC }, 'spec.macAddress'],
  ])('that asks for %s is refused, and holds nothing', async (_, spec, field) => {
    const theirs = port('theirs', 'b', spec)
    for (let left = 2; left > 0; left--) expect(await step(theirs)).toMatchObject(refused(field))
    expect(rowOf(theirs)).toBeUndefined()
    expect(w.deps.caches.ipClaims.size).toBe(0)
    const mine = port('mine', 'ns', spec)
    expect(await step(mine)).toEqual(DONE)
    expect(rowOf(mine)).toMatchObject(spec.macAddress === undefined ? {} : { mac: MAC })
  })
  test.each([
    ['no address', {}],
    ['a Subnet', at(undefined)],
  ])('that asks for %s is given one', async (_, spec) => {
    const theirs = port('theirs', 'b', spec)
    for (let left = 2; left > 0; left--) expect(await step(theirs)).toEqual(DONE)
    expect(theirs.status?.fixedIPs).toMatchObject([{ ipAddress: '10.0.0.2' }])
  })
  test('keeps what it was given by a version that let it choose', async () => {
    const theirs = port('theirs', 'b', { ...at('10.0.0.1'), macAddress: MAC })
    theirs.status = {
      networkUID: 'uid-lan',
      macAddress: MAC,
      fixedIPs: [{ subnet: 'lan-v4', ipAddress: '10.0.0.1', prefixLength: 24 }],
    }
    expect(await step(theirs)).toEqual(DONE)
    expect(rowOf(theirs)).toMatchObject({ mac: MAC, fixedIPs: [{ address: '10.0.0.1' }] })
  })
  test.each([
    ['one address', ['10.0.0.1']],
    ['two', ['10.0.0.1', '10.0.0.9']],
  ])('keeps %s of a Subnet that is being deleted, claimed or not, and gets no other', async (_, given) => {
    w.put('subnets', { ...parts.subnet(), metadata: { ...parts.subnet().metadata, deletionTimestamp: 'now' } })
    const fixedIPs = given.map((ipAddress) => ({ subnet: 'lan-v4', ipAddress, prefixLength: 24 }))
    const theirs = port('theirs', 'b', at(...given))
    theirs.status = { networkUID: 'uid-lan', macAddress: MAC, fixedIPs }
    expect(await step(theirs)).toEqual(DONE)
    theirs.spec = { ...theirs.spec, ...at(...given, '10.0.0.10') }
    expect(await step(theirs)).toMatchObject(refused(`spec.fixedIPs[${given.length}].ipAddress`))
  })
  test('keeps an address that is claimed for it, while no status says so', async () => {
    const theirs = port('theirs', 'b', at('10.0.0.9'))
    await step(port('theirs', 'b', at(undefined)))
    expect(await step(theirs)).toMatchObject(refused('spec.fixedIPs[0].ipAddress'))
    theirs.spec = { ...theirs.spec, ...at('10.0.0.2') }
    expect(await step(theirs)).toEqual(DONE)
  })
  test('cannot choose its MAC later either: it goes on with its own, and says so', async () => {
    const theirs = port('theirs', 'b')
    await step(theirs)
    const { macAddress } = theirs.status ?? {}
    theirs.spec = { ...theirs.spec, macAddress: MAC, securityGroupRefs: [] }
    expect(await step(theirs)).toMatchObject(refused('spec.macAddress'))
    expect(rowOf(theirs)).toMatchObject({ mac: macAddress, securityGroupUids: [] })
    expect(theirs.status).toMatchObject({ macAddress })
    // It has that one as before, beside what it asks for.
    expect(resolveMac(port('mine', 'ns', { macAddress: macAddress! }), network, w.deps)).toMatchObject({ ok: false })
  })
  test('keeps from nobody what it may not have, though it was there first', async () => {
    await step(port('theirs', 'b', { ...at('10.0.0.9'), macAddress: MAC }, { uid: 'a' }))
    const mine = port('mine', 'ns', { ...at('10.0.0.9'), macAddress: MAC }, { uid: 'z' })
    expect(await step(mine)).toEqual(DONE)
    expect(rowOf(mine)).toMatchObject({ mac: MAC, fixedIPs: [{ address: '10.0.0.9' }] })
    w.drop('ports', mine)
    const asking = { networks: [{ networkRef: { name: 'lan' }, macAddress: MAC }] }
    await stepMachine(w, machine(asking))
    expect(w.deps.caches.ports.find('ns', automaticPortName(machine(), 0))?.spec).toMatchObject({ macAddress: MAC })
  })
})

describe('an Instance of another namespace', () => {
  const foreign = (want: object, more: object = {}): Instance =>
    machine(
      { imageRef: { name: 'guest', namespace: 'ns' }, networks: [{ networkRef: LAN, ...want }] },
      { ...OTHERS, ...more },
    )
  const automatic = () => w.deps.caches.ports.find('b', automaticPortName(machine(), 0))
  test.each([
    ['address', { ipAddress: '10.0.0.1' }, 'spec.networks[0].ipAddress'],
    ['MAC', { macAddress: MAC }, 'spec.networks[0].macAddress'],
  ])('cannot choose its %s, and one of the Network’s own can', async (_, want, field) => {
    await expect(stepMachine(w, foreign(want))).rejects.toMatchObject(refused(field))
    expect([automatic(), w.deps.caches.ipClaims.size]).toEqual([undefined, 0])
    expect(await stepMachine(w, machine({ networks: [{ networkRef: { name: 'lan' }, ...want }] }))).toEqual({
      kind: 'saved',
    })
  })
  test.each([{ ipAddress: '10.0.0.1' }, { macAddress: MAC }])(
    'cannot choose for an interface that is added while it runs either: %j',
    async (want) => {
      const vm = foreign({}, { status: { node: 'c1', epoch: 1, interfaces: [] } })
      vm.spec.networks = [{ networkRef: LAN, ...want }]
      await expect(stepMachine(w, vm)).rejects.toMatchObject({ reason: 'NotNetworkOwner' })
      expect([automatic(), w.deps.caches.ipClaims.size]).toEqual([undefined, 0])
    },
  )
  test.each<[string, object, object]>([
    ['is given both', {}, {}],
    ['chooses the Subnet', { subnetRef: { name: 'lan-v4' } }, {}],
    ['keeps what it was placed with', { ipAddress: '10.0.0.1', macAddress: MAC }, { status: { epoch: 1 } }],
  ])('%s, and its Port is made and comes up', async (_, want, more) => {
    expect(await stepMachine(w, foreign(want, more))).toEqual({ kind: 'saved' })
    const made = structuredClone(automatic()!)
    expect(made.spec).toMatchObject({
      macAddress: 'macAddress' in want ? MAC : generateMac('fa:16:3e', 'uid-vm/0'),
      ...at('ipAddress' in want ? '10.0.0.1' : '10.0.0.2'),
    })
    expect(await step(made)).toMatchObject({ kind: 'wait', reason: 'Unbound' })
    w.put('instances', foreign(want, { status: { node: 'c1', epoch: 1 } }))
    expect(await step(made)).toMatchObject({ kind: 'wait', reason: 'Plugging' })
    expect(rowOf(made)).toMatchObject({ mac: made.spec.macAddress, node: 'c1' })
  })
  test('has the second of its Ports as it was made', async () => {
    const vm = foreign({})
    vm.spec.networks = [{ networkRef: LAN }, { networkRef: LAN }]
    await stepMachine(w, vm)
    const second = structuredClone(w.deps.caches.ports.find('b', automaticPortName(vm, 1))!)
    expect(await step(second)).toMatchObject({ kind: 'wait', reason: 'Unbound' })
  })
  const placed = { status: { node: 'c1', epoch: 1 } }
  test.each<[string, Partial<Port['spec']>, string, Instance]>([
    ['an address', at('10.0.0.1'), 'spec.fixedIPs[0].ipAddress', foreign({})],
    ['a MAC', { macAddress: MAC }, 'spec.macAddress', foreign({})],
    ['a MAC that it asks for', { macAddress: MAC }, 'spec.macAddress', foreign({ macAddress: MAC })],
    ['a MAC, once it is placed', { macAddress: MAC }, 'spec.macAddress', foreign({}, placed)],
  ])('whose Port somebody else made with %s gets none', async (_, spec, field, vm) => {
    w.put('instances', vm)
    const forged = port(automaticPortName(vm, 0), 'b', spec)
    const { name, uid } = vm.metadata
    forged.metadata.ownerReferences = [
      { apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', name, uid, controller: true },
    ]
    // Not for good: what the operator wrote itself may be seen a moment later.
    expect(await step(forged)).toMatchObject({ ...refused(field), name: 'TransientError' })
    expect(rowOf(forged)).toBeUndefined()
  })
})
