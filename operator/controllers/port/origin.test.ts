// SPDX-License-Identifier: Apache-2.0
// What a tenant writes on its Ports (ownerReferences above all) moves no epoch, reaches no other machine and stops no one else.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Network, Port, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import type { ObjectRef, OwnerReference, ResourceKind } from '../../../lib/kube/object.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSecurityGroup } from '../security-group/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { decideOrigin } from './origin.ts'
import { reconcilePort } from './reconcile.ts'

const writer = { incarnation: 1, term: 1 }
let w: MemoryWorld
const vm = (name: string, more: object = {}, portRef = 'p') =>
  stored<Instance>(
    name,
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: portRef } }] },
    { status: { node: 'c1', epoch: 1 }, ...more },
  )
const ownedBy = (instance: Instance, apiVersion = 'nephele.dev/v1alpha1'): OwnerReference => ({
  apiVersion,
  kind: 'Instance',
  name: instance.metadata.name,
  uid: instance.metadata.uid,
  controller: true,
})
const step = (p: Port) => {
  w.put('ports', p)
  return reconcilePort(p, w.deps, w.run)
}
const plug = async (p: Port, machineEpoch = 1) => {
  for (let left = 3; left > 0; left--) await step(p)
  w.report('port', p, { node: 'c1', epoch: p.status?.epoch ?? machineEpoch, state: 'active' })
  await step(p)
}

beforeEach(async () => {
  w = memoryWorld()
  const [n, s, g] = [
    stored<Network>('lan', {}),
    stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }),
    stored<SecurityGroup>('default', {}),
  ]
  await reconcileNetwork(n, w.deps, w.run)
  w.put('networks', n)
  w.put('subnets', s)
  await reconcileSubnet(s, w.deps, w.run)
  w.put('subnets', s)
  await reconcileSecurityGroup(g, w.deps, w.run)
  w.put('securityGroups', g)
  for (const name of ['c1', 'c7']) w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '' }))
})

/** A Port that machine `a` had, and then machine `b`: of epoch 2, while each machine is of its own epoch 1. */
async function portOfTwoMachines(name = 'p'): Promise<{ port: Port; b: Instance }> {
  const port = stored<Port>(name, { networkRef: { name: 'lan' } })
  const a = w.put('instances', vm(`${name}-a`, {}, name))
  await plug(port)
  w.drop('instances', a)
  await step(port)
  w.report('port', port, { node: 'c1', epoch: 1, state: 'gone' })
  await step(port)
  const b = w.put('instances', vm(`${name}-b`, {}, name))
  await plug(port)
  expect(port.status).toMatchObject({ epoch: 2, origin: 'User', instance: { name: `${name}-b` } })
  return { port, b }
}

const read = async (kind: ResourceKind, ref: ObjectRef) => (await w.run.client.find(kind, ref)) ?? undefined
/** All that the guard does for an hour. */
async function watchForAnHour(...ports: Port[]): Promise<typeof UNTOUCHED> {
  const guard = w.deps.regression
  const reasons = new Set<string>()
  let holding = false
  for (w.clock.ms = 0; w.clock.ms < 3_600_000; w.clock.ms += 60_000) {
    for (const port of ports) {
      guard.consider('port', port.metadata.uid, writer)
      const outcome = await step(port)
      reasons.add(outcome.kind === 'wait' ? outcome.reason : outcome.kind)
    }
    guard.lookAtAll(writer)
    holding ||= guard.isHolding(writer)
    await guard.prove(writer, read)
  }
  return { holding, message: guard.findMessage(writer), reasons: [...reasons] }
}

const UNTOUCHED = { holding: false, message: undefined as string | undefined, reasons: ['done'] }

describe('a Port that one machine had and then another', () => {
  test('is no regression', async () => {
    const { port } = await portOfTwoMachines()
    expect(await watchForAnHour(port)).toEqual(UNTOUCHED)
  })
  test.each<[string, (b: Instance) => OwnerReference[]]>([
    ['its second machine', (b) => [ownedBy(b)]],
    ['its second machine, in a group of nobody', (b) => [ownedBy(b, 'example.com/v1')]],
    ['a machine of another namespace', () => [ownedBy(w.deps.caches.instances.find('other', 'payroll')!)]],
    ['a machine that never was', (b) => [{ ...ownedBy(b), name: 'x', uid: 'uid-x' }]],
    ['a name that is not its UID’s', (b) => [{ ...ownedBy(b), name: 'x' }]],
  ])('and is given to %s by its tenant: nothing happens', async (_, owners) => {
    w.put('instances', vm('payroll', { namespace: 'other', status: { node: 'c7', epoch: 1 } }))
    const { port, b } = await portOfTwoMachines()
    const before = structuredClone(port.status)
    port.metadata.ownerReferences = owners(b)
    expect(await watchForAnHour(port)).toEqual(UNTOUCHED)
    expect(port.status).toEqual(before)
  })
  test('two of them on two nodes: the nodes agree on nothing', async () => {
    const { port: one, b } = await portOfTwoMachines('p')
    const { port: two, b: c } = await portOfTwoMachines('q')
    const port = w.put('ports', two)
    for (const [p, i] of [
      [one, b],
      [port, c],
    ] as const)
      p.metadata.ownerReferences = [ownedBy(i)]
    expect(await watchForAnHour(one, port)).toEqual(UNTOUCHED)
  })
})

describe('a Port with an owner from its first moment', () => {
  const named = (name: string, owner: OwnerReference) => {
    const port = stored<Port>(name, { networkRef: { name: 'lan' } })
    port.metadata.ownerReferences = [owner]
    return port
  }
  test.each([
    ['under a name of its own', 'p'],
    ['under the name that an automatic one would have', undefined],
  ])('of another namespace, %s: is plugged nowhere, and says nothing of it', async (_, name) => {
    const victim = w.put('instances', vm('payroll', { namespace: 'other', status: { node: 'c7', epoch: 1 } }))
    const port = named(name ?? automaticPortName(victim, 0), ownedBy(victim, 'example.com/v1'))
    for (let left = 3; left > 0; left--) await step(port)
    port.metadata.ownerReferences = [ownedBy(victim)]
    for (let left = 3; left > 0; left--) await step(port)
    expect(w.bus.desired.list()).toEqual([])
    expect(JSON.stringify(port.status)).not.toContain('payroll')
    expect(port.status).not.toHaveProperty('node')
  })

  const automatic = () => {
    const machine = w.put('instances', vm('vm', { status: { node: 'c1', epoch: 3 } }))
    return { machine, port: named(automaticPortName(machine, 0), ownedBy(machine)) }
  }
  test('made by the operator, it goes where its machine is, under that one’s epoch', async () => {
    const { machine, port } = automatic()
    await plug(port, 3)
    expect(port.status).toMatchObject({
      ...{ node: 'c1', epoch: 3, origin: 'Instance', owner: { name: 'vm', uid: machine.metadata.uid } },
    })
  })
  test.each<[string, (port: Port) => void]>([
    ['taken away', (port) => delete port.metadata.ownerReferences],
    ['written for another', (port) => (port.metadata.ownerReferences = [ownedBy(vm('other'))])],
  ])('its reference is %s: it stays what it is', async (_, write) => {
    const { port } = automatic()
    await plug(port, 3)
    const before = structuredClone(port.status)
    write(port)
    expect(await watchForAnHour(port)).toEqual(UNTOUCHED)
    expect(port.status).toEqual(before)
  })
  test('one of a version that recorded no owner is recognised, and one that had machines of its own is not', async () => {
    const { port, machine } = automatic()
    port.status = { networkUID: 'uid-lan', node: 'c1', epoch: 3 }
    await step(port)
    expect(port.status.origin).toBe('Instance')
    const own = named(automaticPortName(machine, 1), ownedBy(machine))
    own.status = { networkUID: 'uid-lan', epoch: 4 }
    await step(own)
    expect(own.status.origin).toBe('User')
  })
})

describe('whose a port is', () => {
  const LAN = { networkRef: { name: 'lan' } }
  const decided = (status: object, machine: Instance | undefined, owner = vm('m')) => {
    if (machine) w.put('instances', machine)
    const p = stored<Port>(automaticPortName(owner, 0), LAN, { status })
    p.metadata.ownerReferences = [ownedBy(owner)]
    decideOrigin(p, w.deps)
    return p.status?.origin
  }
  test.each<[string, object, object | undefined, string | undefined]>([
    ['its machine’s', {}, { node: 'c1', epoch: 2 }, 'Instance'],
    ['its machine’s, as far as that is', { epoch: 2 }, { node: 'c1', epoch: 2 }, 'Instance'],
    ['its machine’s, that never had a place', {}, {}, 'Instance'],
    ['a user’s, when it is ahead of the machine', { epoch: 3 }, { node: 'c1', epoch: 2 }, 'User'],
    ['a user’s, when it had places and the machine none', { epoch: 1 }, {}, 'User'],
    ['what it was decided to be, whatever it says now', { origin: 'User' }, { node: 'c1', epoch: 2 }, 'User'],
    ['nobody’s yet, while the machine is not there', {}, undefined, undefined],
  ])('%s', (_, status, machine, origin) => {
    expect(decided(status, machine && vm('m', { status: machine }))).toBe(origin)
  })
})
