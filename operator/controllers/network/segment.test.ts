// SPDX-License-Identifier: Apache-2.0
// Which segment of a physical network a Network gets: never one that another has.
import { describe, expect, test } from '@jest/globals'
import type { Network, Port, ProviderNetwork } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { runAsLoop } from '../../testing/as-the-loop.ts'
import { wokenBy } from '../../testing/woken.ts'
import { networkController } from './controller.ts'
import { reconcileNetwork } from './reconcile.ts'

const providerNetwork = (name: string, spec: ProviderNetwork['spec'], more: object = {}) =>
  stored<ProviderNetwork>(name, spec, { namespace: '', ...more })
const vlans = (...vlanRanges: [number, number][]): ProviderNetwork['spec'] => ({
  type: 'vlan',
  vlanRanges: vlanRanges.map(([minimum, maximum]) => ({ minimum, maximum })),
})
const on = (name: string, of: string, segmentationID?: number, more: object = {}) => {
  const provider = { providerNetworkRef: { name: of }, ...(segmentationID === undefined ? {} : { segmentationID }) }
  return stored<Network>(name, { provider }, more)
}
const born = (network: Network, day: number): Network => {
  network.metadata.creationTimestamp = `2026-01-0${day}T00:00:00Z`
  return network
}
const having = (physicalNetwork: string, segmentationID?: number, more: object = {}) => ({
  ...{ physicalNetwork, ...(segmentationID === undefined ? {} : { segmentationID }) },
  ...more,
})

/** Runs it as the loop does, until there is nothing more to write before it goes on. */
async function run(w: MemoryWorld, network: Network) {
  for (let i = 0; i < 3; i++) {
    const outcome = await runAsLoop(networkController(w.deps, w.stores as never), network, w.run)
    w.put('networks', network)
    if (outcome.kind !== 'saved') return outcome
  }
  throw new Error('it never comes to rest')
}
const rowOf = (w: MemoryWorld, name: string) => w.network.rows.of('Network').get(`uid-${name}`)
const worldOf = (...objects: ProviderNetwork[]): MemoryWorld => {
  const w = memoryWorld()
  for (const object of objects) w.put('providerNetworks', object)
  return w
}

describe('create', () => {
  test.each<[string, ProviderNetwork['spec'], number | undefined, object]>([
    ['flat, by its own name', { type: 'flat' }, undefined, { physicalNetwork: 'phys' }],
    ['flat, by another', { type: 'flat', physicalNetwork: 'dc-1' }, undefined, { physicalNetwork: 'dc-1' }],
    ['a VLAN that is asked for', vlans([100, 199]), 150, { physicalNetwork: 'phys', vlan: 150 }],
    ['one outside of the ranges', vlans([100, 199]), 7, { physicalNetwork: 'phys', vlan: 7 }],
    ['one where there are no ranges', { type: 'vlan' }, 7, { physicalNetwork: 'phys', vlan: 7 }],
    ['the lowest free one', vlans([300, 310], [100, 199]), undefined, { physicalNetwork: 'phys', vlan: 100 }],
  ])('%s', async (_, spec, asked, provider) => {
    const w = worldOf(providerNetwork('phys', spec))
    const network = on('lan', 'phys', asked)
    w.put('networks', network)
    expect(await reconcileNetwork(network, w.deps, w.run)).toEqual({ kind: 'saved' })
    // It is written before anything is made of it.
    expect(rowOf(w, 'lan')).toBeUndefined()
    w.put('networks', network)
    expect(await reconcileNetwork(network, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(rowOf(w, 'lan')).toMatchObject({ provider })
    const { vlan, ...physical } = { vlan: undefined, ...provider }
    const segment = { ...physical, ...(vlan === undefined ? {} : { segmentationID: vlan }) }
    expect(network.status).toEqual({
      dnsDomain: 'nephele.internal',
      ...{ state: 'ACTIVE', driver: 'ovn', mtu: 1500, logicalSwitch: 'uid-lan', portSecurityEnabled: true },
      ...segment,
    })
  })

  test.each<[number | undefined, number | undefined, number]>([
    [undefined, undefined, 1500],
    [undefined, 9000, 9000],
    [1400, undefined, 1400],
    [9000, 1500, 1500],
  ])('MTU: asked %s, the physical network carries %s: guests get %i', async (mtu, carried, expected) => {
    const w = worldOf(providerNetwork('phys', { type: 'flat', ...(carried ? { mtu: carried } : {}) }))
    const network = on('lan', 'phys')
    if (mtu) network.spec.mtu = mtu
    await run(w, network)
    expect([network.status?.mtu, rowOf(w, 'lan')?.mtu]).toEqual([expected, expected])
  })
})

describe('refused', () => {
  test.each<[string, ProviderNetwork | undefined, number | undefined, string, string]>([
    ['no ProviderNetwork', undefined, 5, 'ProviderNetworkNotFound', 'ProviderNetwork phys in spec.provider'],
    [
      'one that is being deleted',
      providerNetwork('phys', { type: 'flat' }, { deleted: true }),
      undefined,
      'ProviderNetworkDeleting',
      'phys',
    ],
    ['no ranges', providerNetwork('phys', { type: 'vlan' }), undefined, 'NoFreeSegment', 'phys has no vlanRanges'],
    [
      'all in use',
      providerNetwork('phys', vlans([5, 5], [7, 8])),
      undefined,
      'NoFreeSegment',
      'phys (vlanRanges 5, 7-8) are in use',
    ],
    [
      "another one's",
      providerNetwork('phys', vlans([5, 8])),
      7,
      'SegmentInUse',
      'VLAN 7 of physical network phys is Network ns/n7',
    ],
    [
      "another ProviderNetwork's of the same physical network",
      providerNetwork('twin', { type: 'vlan', physicalNetwork: 'phys' }),
      7,
      'SegmentInUse',
      'ns/n7',
    ],
  ])('%s', async (_, object, asked, reason, says) => {
    const w = worldOf(...(object ? [object] : []))
    for (const vlan of [5, 7, 8]) w.put('networks', on(`n${vlan}`, 'phys', vlan, { status: having('phys', vlan) }))
    const network = on('lan', object?.metadata.name ?? 'phys', asked)
    expect(await run(w, network)).toMatchObject({ kind: 'wait', reason, message: expect.stringContaining(says) })
    expect(network.status).toEqual({ state: 'BUILD' })
    expect(rowOf(w, 'lan')).toBeUndefined()
  })
  test('a VLAN of a flat one: only another Network can help', async () => {
    const w = worldOf(providerNetwork('phys', { type: 'flat' }))
    const network = on('lan', 'phys', 5)
    await expect(run(w, network)).rejects.toMatchObject({
      ...{ name: 'TerminalError', reason: 'NoVLANs' },
      message: expect.stringContaining('make a Network without segmentationID'),
    })
    expect(network.status?.state).toBe('ERROR')
  })
  test('a second Network of a flat one', async () => {
    const w = worldOf(providerNetwork('phys', { type: 'flat' }))
    await run(w, on('first', 'phys'))
    expect(await run(w, on('lan', 'phys'))).toMatchObject({
      reason: 'SegmentInUse',
      message: expect.stringContaining('ns/first'),
    })
  })
})

describe('at the same time', () => {
  test('what is chosen and not yet written is nobody else’s, and is chosen again by the same one', async () => {
    const w = worldOf(providerNetwork('phys', vlans([5, 6])))
    const [one, two, three] = ['one', 'two', 'three'].map((name) => w.put('networks', on(name, 'phys')))
    const again = () => structuredClone(one!)
    for (const network of [again(), two!, again(), again()]) await reconcileNetwork(network, w.deps, w.run)
    expect(two?.status?.segmentationID).toBe(6)
    const retried = again()
    await reconcileNetwork(retried, w.deps, w.run)
    expect(retried.status?.segmentationID).toBe(5)
    expect(await reconcileNetwork(three!, w.deps, w.run)).toMatchObject({ reason: 'NoFreeSegment' })
    // What was promised to one that is gone is free.
    w.drop('networks', one!)
    const next = on('three', 'phys')
    expect(await reconcileNetwork(next, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(next.status?.segmentationID).toBe(5)
  })
  test('what was promised is free once it is not wanted any more', async () => {
    const w = worldOf(providerNetwork('phys', vlans([5, 9])))
    const holderOf = (vlan: number) => w.deps.segmentPromises.find(`phys|${vlan}`, w.deps.caches)?.metadata.name
    const kept = on('kept', 'phys', undefined, { status: having('phys', 5) })
    for (const network of [on('moved', 'phys'), kept]) w.put('networks', network)
    for (const vlan of [7, 8]) w.deps.segmentPromises.make('uid-moved', `phys|${vlan}`)
    w.deps.segmentPromises.make('uid-kept', 'phys|6')
    expect([6, 7, 8].map(holderOf)).toEqual(['kept', undefined, 'moved'])
    await run(w, kept)
    expect(holderOf(6)).toBeUndefined()
  })
  test('what is gone from memory with its Network is free', () => {
    const w = worldOf()
    w.put('networks', on('one', 'phys'))
    w.deps.segmentPromises.make('uid-one', 'phys|5')
    expect(w.deps.segmentPromises.find('phys|5', w.deps.caches)?.metadata.name).toBe('one')
    networkController(w.deps, w.stores as never).forget?.('ns/one', on('one', 'phys'))
    expect(w.deps.segmentPromises.find('phys|5', w.deps.caches)).toBeUndefined()
  })
})

describe('keeps what it has', () => {
  const up = (physicalNetwork: string, vlan?: number) =>
    having(physicalNetwork, vlan, { logicalSwitch: 'uid-lan', mtu: 1400, state: 'ACTIVE' })
  test.each<[string, ProviderNetwork | undefined, object]>([
    ['other ranges', providerNetwork('phys', vlans([100, 199])), { kind: 'done' }],
    ['a ProviderNetwork that is to go', providerNetwork('phys', vlans([5, 5]), { deleted: true }), { kind: 'done' }],
    ['none', undefined, { kind: 'wait', reason: 'ProviderNetworkNotFound' }],
  ])('%s', async (_, object, outcome) => {
    const w = worldOf(...(object ? [object] : []))
    const network = on('lan', 'phys', undefined, { status: up('phys', 5) })
    expect(await run(w, network)).toMatchObject(outcome)
    expect(rowOf(w, 'lan')).toMatchObject({ mtu: object ? 1500 : 1400, provider: { physicalNetwork: 'phys', vlan: 5 } })
    expect(network.status).toMatchObject({ ...up('phys', 5), mtu: object ? 1500 : 1400 })
  })
  test('while it waits for its users to go', async () => {
    const w = worldOf(providerNetwork('phys', vlans([5, 5])))
    w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { networkUID: 'uid-lan' } }))
    expect(await run(w, on('lan', 'phys', 5, { deleted: true, status: up('phys', 5) }))).toMatchObject({
      reason: 'InUse',
    })
    expect(rowOf(w, 'lan')).toMatchObject({ provider: { vlan: 5 } })
  })
})

test('one whose VLAN is an older one’s is kept joined to nothing while it waits for its users to go', async () => {
  const w = worldOf(providerNetwork('phys', vlans([5, 5])))
  w.put('networks', born(on('old', 'phys', 5, { status: having('phys', 5) }), 2))
  w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { networkUID: 'uid-lan' } }))
  const status = having('phys', 5, { logicalSwitch: 'uid-lan', mtu: 1400 })
  expect(await run(w, born(on('lan', 'phys', 5, { deleted: true, status }), 3))).toMatchObject({ reason: 'InUse' })
  expect(rowOf(w, 'lan')).toMatchObject({ mtu: 1500 })
  expect(rowOf(w, 'lan')).not.toHaveProperty('provider')
})

describe('two that have the same, as after a restore', () => {
  const old = born(on('old', 'phys', 5, { status: having('phys', 5) }), 2)
  const there = { logicalSwitch: 'uid-lan', mtu: 1500 }
  const younger = (asked: number | undefined, more: object = {}) =>
    born(on('lan', 'phys', asked, { status: having('phys', 5, more) }), 3)
  const user = stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { networkUID: 'uid-lan' } })
  const MOVED = { provider: { physicalNetwork: 'phys', vlan: 6 } }
  const NOWHERE = { mtu: 1500 }
  const inUse = { kind: 'wait', reason: 'SegmentInUse', message: expect.stringContaining('is Network ns/old') }
  // The last one: the VLAN that its status has then. What it may not have it gives up, unless somebody uses it, and so asks again.
  test.each<
    [
      string,
      Network,
      { user?: boolean; noProvider?: boolean; ranges?: [number, number] },
      object,
      object | undefined,
      number | undefined,
    ]
  >([
    ['the older one keeps it', born(younger(5), 1), {}, { kind: 'done' }, { provider: { vlan: 5 } }, 5],
    ['the younger one that asked for it waits', younger(5), {}, inUse, undefined, undefined],
    ['it waits, joined to nothing, if it was there', younger(5, there), {}, inUse, NOWHERE, undefined],
    ['it waits with its users', younger(5, there), { user: true }, inUse, NOWHERE, 5],
    ['one that got it gets another', younger(undefined), {}, { kind: 'done' }, MOVED, 6],
    ['also one that is there and has no users', younger(undefined, there), {}, { kind: 'done' }, MOVED, 6],
    ['one with users waits', younger(undefined, there), { user: true }, inUse, NOWHERE, 5],
    ['one without its ProviderNetwork waits', younger(undefined, there), { noProvider: true }, inUse, NOWHERE, 5],
    [
      'one for which there is no other waits for any',
      younger(undefined, there),
      { ranges: [5, 5] },
      { reason: 'NoFreeSegment' },
      NOWHERE,
      undefined,
    ],
  ])('%s', async (_, network, { user: isUsed, noProvider, ranges = [5, 6] }, outcome, row, vlan) => {
    const w = noProvider ? worldOf() : worldOf(providerNetwork('phys', vlans(ranges)))
    w.put('networks', old)
    if (isUsed) w.put('ports', user)
    w.put('networks', network)
    expect(await run(w, network)).toMatchObject(outcome)
    if (row === undefined) expect(rowOf(w, 'lan')).toBeUndefined()
    else expect(rowOf(w, 'lan')).toMatchObject(row)
    if (row === NOWHERE) expect(rowOf(w, 'lan')).not.toHaveProperty('provider')
    expect(network.status?.segmentationID).toBe(vlan)
    expect(network.status?.physicalNetwork).toBe(vlan === undefined ? undefined : 'phys')
  })
  test('another one is written before it is used', async () => {
    const w = worldOf(providerNetwork('phys', vlans([5, 6])))
    w.put('networks', old)
    const network = younger(undefined, there)
    w.put('networks', network)
    expect(await reconcileNetwork(network, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(rowOf(w, 'lan')).toBeUndefined()
  })
})

describe('is woken', () => {
  const lan = on('lan', 'phys', 5)
  const twin = providerNetwork('twin', { type: 'vlan', physicalNetwork: 'phys' })
  test.each<[string, Network, Network, string[]]>([
    ['by one that had its segment', lan, on('n5', 'phys', 5, { status: having('phys', 5) }), ['ns/lan']],
    ['by one of the same physical network', lan, on('n5', 'twin', 5, { status: having('phys', 5) }), ['ns/lan']],
    [
      'by one that has the same',
      on('lan', 'phys', 5, { status: having('phys', 5) }),
      on('n5', 'twin', 5, { status: having('phys', 5) }),
      ['ns/lan'],
    ],
    ['by one that was promised it', lan, on('n5', 'phys', 5), ['ns/lan']],
    ['not by one elsewhere', lan, on('n5', 'other', 5, { status: having('other', 5) }), []],
    ['not by a virtual one', lan, stored<Network>('n5', {}), []],
    [
      'not if it has another',
      on('lan', 'phys', 6, { status: having('phys', 6) }),
      on('n5', 'phys', 5, { status: having('phys', 5) }),
      [],
    ],
    ['not by itself', lan, lan, []],
  ])('%s', (_, waiting, other, woken) => {
    const w = worldOf(providerNetwork('phys', vlans([5, 6])), providerNetwork('other', vlans([5, 6])), twin)
    w.put('networks', waiting)
    expect(wokenBy(w, networkController)('networks', other)).toEqual(woken)
  })
  test.each<[string, object, object, boolean]>([
    ['a segment came', {}, having('phys', 5), true],
    ['it became another', having('phys', 5), having('phys', 6), true],
    ['all else', having('phys', 5, { mtu: 1400 }), having('phys', 5, { mtu: 1500 }), false],
  ])('by what was written: %s', (_, before, after, expected) => {
    const w = worldOf()
    const watch = networkController(w.deps, w.stores as never).watches?.find(
      ({ source }) => source === (w.stores.networks as never),
    )
    expect(watch?.when?.(on('n', 'phys', 5, { status: before }), on('n', 'phys', 5, { status: after }))).toBe(expected)
  })
  test('by its ProviderNetwork, whatever changes there', () => {
    const w = worldOf()
    w.put('networks', lan)
    expect(wokenBy(w, networkController)('providerNetworks', providerNetwork('phys', vlans([5, 6])))).toEqual([
      'ns/lan',
    ])
  })
})
