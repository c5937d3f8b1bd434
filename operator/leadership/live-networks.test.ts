// SPDX-License-Identifier: Apache-2.0
// Interfaces that come and go while the machine runs, with all controllers and nodes that answer.
import { describe, expect, test } from '@jest/globals'
import type { Instance, IPClaim, Port } from '../../lib/api/types.ts'
import type { DesiredDocument } from '../../lib/contract/documents.ts'
import { automaticPortName } from '../placed/automatic-port-name.ts'
import { saysOf, wellAnswered } from '../testing/answers.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'

const lan = { networkRef: { name: 'lan' } }
const other = { networkRef: { name: 'other' } }
const instance = (c: QuietCloud, name = 'vm') => c.operator.get('instances', ns(name)) as Instance
const portOf = (c: QuietCloud, slot: number) =>
  c.operator.find('ports', ns(automaticPortName(instance(c), slot))) as Port | undefined
const networks = (c: QuietCloud, list: object[]) => {
  c.set('instances', 'vm', { networks: list })
  return c.operator.rest()
}
const told = async (c: QuietCloud): Promise<DesiredDocument | undefined> =>
  c.operator.world.bus.desired.read(c.nodeOf('vm'), 'instance', c.uidOf('vm'))
const slotsTold = async (c: QuietCloud) => {
  const document = await told(c)
  return document?.kind === 'instance' && !document.tombstone ? document.spec.ports.map(({ slot }) => slot) : undefined
}
const claimed = (c: QuietCloud) =>
  (c.operator.world.stores.ipClaims.list() as IPClaim[])
    .flatMap(({ spec }) => spec.claims.map(({ address }) => address))
    .sort()
/** The guest does not let go of what it has now. */
const guestHolds = (c: QuietCloud): void => {
  const held = (instance(c).status?.interfaces ?? []).flatMap(({ portUID }) => portUID ?? [])
  const error = { reason: 'InterfaceDetaching', message: 'held', terminal: false }
  c.operator.answer = saysOf('instance', (document) => {
    const said = wellAnswered(document)
    return said && { ...said, error, facts: { ...said.facts, portsAttached: held } }
  })
}
const running = async (list: object[], isInterleaved = false): Promise<QuietCloud> => {
  const c = await QuietCloud.furnished()
  c.operator.isInterleaved = isInterleaved
  c.make('networks', 'other')
  c.subnet('other-v4', { networkRef: { name: 'other' }, cidr: '10.1.0.0/24' })
  c.vm('vm', { networks: list })
  await c.operator.rest()
  expect(c.operator.reason('instances', ns('vm'))).toBe('Ready')
  return c
}

describe.each([false, true])('runs interleaved: %s;', (isInterleaved) => {
  test('one that is added gets a Port, which its node is told of, in the next place', async () => {
    const c = await running([lan], isInterleaved)
    const first = portOf(c, 0)!
    await networks(c, [other, lan])
    expect(c.operator.reason('instances', ns('vm'))).toBe('Ready')
    expect(await slotsTold(c)).toEqual([1, 0])
    expect(portOf(c, 0)?.metadata.uid).toBe(first.metadata.uid)
    expect(portOf(c, 1)?.status).toMatchObject({ state: 'ACTIVE', fixedIPs: [{ ipAddress: '10.1.0.2' }] })
    expect(instance(c).status?.addresses?.map(({ ipAddress }) => ipAddress)).toEqual(['10.1.0.2', '10.0.0.2'])
  })

  test('one that is taken out goes with its Port and address, once the machine let go of it', async () => {
    const c = await running([lan, other], isInterleaved)
    guestHolds(c)
    await networks(c, [other])
    expect(await slotsTold(c)).toEqual([1])
    expect(portOf(c, 0)?.metadata.deletionTimestamp).toBeUndefined()
    expect(portOf(c, 0)?.status?.node).toBe(c.nodeOf('vm'))
    expect(instance(c).status?.pendingChanges).toEqual(['spec.networks'])
    expect(c.operator.reason('instances', ns('vm'), 'DetachPending')).toBe('GuestHoldsInterface')
    expect(c.operator.reason('instances', ns('vm'))).toBe('Ready')
    // Nobody gets its address meanwhile.
    c.port('next', lan)
    await c.operator.rest()
    expect(claimed(c)).toEqual(['10.0.0.2', '10.0.0.3', '10.1.0.2'])
    c.answersAll()
    await c.operator.rest()
    expect(portOf(c, 0)).toBeUndefined()
    expect(instance(c).status).not.toHaveProperty('pendingChanges')
    expect(instance(c).status?.interfaces?.map(({ slot }) => slot)).toEqual([1])
    expect(claimed(c)).toEqual(['10.0.0.3', '10.1.0.2'])
  })

  test('one that is wanted again before it left is the same', async () => {
    const c = await running([lan, other], isInterleaved)
    const { uid } = portOf(c, 0)!.metadata
    guestHolds(c)
    await networks(c, [other])
    await networks(c, [other, lan])
    c.answersAll()
    await c.operator.rest()
    expect(portOf(c, 0)?.metadata.uid).toBe(uid)
    expect(await slotsTold(c)).toEqual([1, 0])
  })

  test('one that is wanted again after it left is another, in the place that is free', async () => {
    const c = await running([lan, other], isInterleaved)
    const { uid } = portOf(c, 0)!.metadata
    await networks(c, [other])
    await networks(c, [other, lan])
    expect(c.operator.reason('instances', ns('vm'))).toBe('Ready')
    expect(portOf(c, 0)?.metadata.uid).not.toBe(uid)
    expect(await slotsTold(c)).toEqual([1, 0])
  })

  test('a Port of the user’s own goes from one machine to the next', async () => {
    const c = await running([lan], isInterleaved)
    c.port('mine', other)
    c.vm('vm2', { networks: [lan] })
    await networks(c, [lan, { portRef: { name: 'mine' } }])
    const mine = () => (c.operator.get('ports', ns('mine')) as Port).status
    expect(mine()).toMatchObject({ state: 'ACTIVE', instance: { name: 'vm' } })
    guestHolds(c)
    c.set('instances', 'vm2', { networks: [lan, { portRef: { name: 'mine' } }] })
    await networks(c, [lan])
    expect(mine()).toMatchObject({ instance: { name: 'vm' } })
    expect(c.operator.reason('instances', ns('vm2'))).toBe('PortInUse')
    c.answersAll()
    await c.operator.rest()
    expect(mine()).toMatchObject({ state: 'ACTIVE', instance: { name: 'vm2' } })
    expect(c.operator.reason('instances', ns('vm2'))).toBe('Ready')
  })

  test('what the spec asks for in vain keeps nothing else away', async () => {
    const c = await running([lan, other], isInterleaved)
    await networks(c, [other, { portRef: { name: 'nobody' } }])
    expect(c.operator.reason('instances', ns('vm'))).toBe('PortNotFound')
    expect(await slotsTold(c)).toEqual([1])
    expect(portOf(c, 0)).toBeUndefined()
    expect(instance(c).status?.state).toBe('ACTIVE')
  })

  test('changed before the machine has a place: what was made for others goes', async () => {
    const c = await QuietCloud.furnished()
    c.operator.isInterleaved = isInterleaved
    c.make('networks', 'other')
    c.subnet('other-v4', { networkRef: { name: 'other' }, cidr: '10.1.0.0/24' })
    c.make('flavors', 'huge', { vcpus: 1000, memoryMiB: 256, rootDiskGiB: 1 })
    c.vm('vm', { flavorRef: { name: 'huge' }, networks: [lan, lan] })
    await c.operator.rest()
    expect(c.operator.reason('instances', ns('vm'))).toBe('NoValidHost')
    await networks(c, [other])
    expect(portOf(c, 0)?.spec.networkRef.name).toBe('other')
    expect(portOf(c, 1)).toBeUndefined()
  })
})

test('goes whole while an interface is leaving', async () => {
  const c = await running([lan, other])
  guestHolds(c)
  await networks(c, [other])
  c.operator.remove('instances', ns('vm'))
  c.answersAll()
  await c.operator.rest()
  expect(c.operator.find('instances', ns('vm'))).toBeUndefined()
  expect(c.operator.world.stores.ports.list()).toEqual([])
  expect(claimed(c)).toEqual([])
})
