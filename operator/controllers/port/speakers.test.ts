// SPDX-License-Identifier: Apache-2.0
// Who may speak for whose addresses: by what a Port was given, and by what it asks for.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Network, Port } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { speaksFor } from './security.ts'
import { isShared, listSharing } from './shared-addresses.ts'
import { eventOfSpeakers } from './speakers.ts'

const MAC = 'fa:16:3e:00:00:01'
const LAN = { networkRef: { name: 'lan', namespace: 'ns' } }
const port = (name: string, spec: object = {}, status: object = {}, namespace = 'ns') =>
  stored<Port>(name, { ...LAN, ...spec }, { namespace, status })
const pair = (ipAddress: string, macAddress?: string) => ({ ipAddress, ...(macAddress ? { macAddress } : {}) })
const other = port('other', {}, { macAddress: MAC, fixedIPs: [{ subnet: 's', ipAddress: '10.0.0.9' }] })

describe('what it was given speaks for another port', () => {
  test.each<[string, object, boolean]>([
    ['nothing', {}, false],
    ['no port security', { portSecurityEnabled: false }, true],
    ['port security', { portSecurityEnabled: true }, false],
    ['its address', { allowedAddressPairs: [pair('10.0.0.9')] }, true],
    ['a range around it', { allowedAddressPairs: [pair('10.0.0.8/29')] }, true],
    ['another address', { allowedAddressPairs: [pair('10.0.0.8')] }, false],
    ['one of two', { allowedAddressPairs: [pair('10.0.0.8'), pair('10.0.0.9')] }, true],
    ['another family’s', { allowedAddressPairs: [pair('::a00:9')] }, false],
    ['its MAC, with an address of its own', { allowedAddressPairs: [pair('10.0.0.8', MAC)] }, true],
    ['another MAC', { allowedAddressPairs: [pair('10.0.0.8', 'fa:16:3e:00:00:02')] }, false],
  ])('%s', (_, status, is) => {
    expect(speaksFor(port('p', {}, status), other)).toBe(is)
  })

  test('a port that has neither MAC nor address yet is nobody’s', () => {
    expect(speaksFor(port('p', {}, { allowedAddressPairs: [pair('10.0.0.9')] }), port('bare'))).toBe(false)
  })
})

let w: MemoryWorld
const network = (spec: object = {}) => stored<Network>('lan', spec)
beforeEach(() => {
  w = memoryWorld()
})

describe('an address that others may speak for', () => {
  const shared = (p: Port, ...addresses: string[]) =>
    isShared(
      p,
      network(),
      addresses.map((address) => ({ address })),
      w.deps.caches,
    )
  test.each<[string, () => Port, boolean]>([
    ['named', () => port('b', { allowedAddressPairs: [pair('10.0.0.9')] }), true],
    [
      'in a range, the second of two',
      () => port('b', { allowedAddressPairs: [pair('10.1.0.0/16'), pair('10.0.0.8/29')] }),
      true,
    ],
    ['in no range', () => port('b', { allowedAddressPairs: [pair('10.1.0.0/16')] }), false],
    ['in a range of the other family', () => port('b', { allowedAddressPairs: [pair('::/0')] }), false],
    ['by itself alone', () => port('a', { allowedAddressPairs: [pair('10.0.0.9')] }), false],
    ['by another namespace', () => port('b', { allowedAddressPairs: [pair('10.0.0.9')] }, {}, 'far'), false],
  ])('%s', (_, speaker, is) => {
    w.put('ports', speaker())
    expect(shared(port('a'), '10.0.0.9')).toBe(is)
    expect(shared(port('a'), '10.9.0.1', '10.0.0.9')).toBe(is)
    expect(shared(port('a'))).toBe(false)
  })

  test('is not shared with a guest of the network, whoever of its own names it', () => {
    w.put('ports', port('b', { allowedAddressPairs: [pair('10.0.0.9')] }, {}, 'far'))
    expect(shared(port('a', {}, {}, 'far'), '10.0.0.9')).toBe(false)
    w.put('ports', port('c', { allowedAddressPairs: [pair('10.0.0.9')] }))
    expect(shared(port('a', {}, {}, 'far'), '10.0.0.9')).toBe(false)
  })

  test('who depends on a port’s pairs: those that have the addresses, and of a range those that are nowhere', () => {
    w.put('ports', port('has', { fixedIPs: [{ subnetRef: { name: 's' }, ipAddress: '10.0.0.9' }] }, { node: 'c1' }))
    w.put('ports', port('nowhere'))
    w.put('ports', port('placed', {}, { node: 'c1' }))
    const list = (...pairs: object[]) =>
      [...listSharing(port('p', { allowedAddressPairs: pairs }), w.deps.caches)].map(String).sort()
    expect(list()).toEqual([])
    expect(list(pair('10.0.0.9'))).toEqual(['ns/has'])
    expect(list(pair('10.0.0.8/29'))).toEqual(['ns/nowhere'])
    expect(list(pair('10.0.0.9'), pair('10.0.0.8/29'))).toEqual(['ns/has', 'ns/nowhere'])
  })
})

describe('who comes to a shared network is told who may send in its name', () => {
  const comer = (namespace = 'far') => port('p', {}, { fixedIPs: [{ subnet: 's', ipAddress: '10.0.0.9' }] }, namespace)
  const told = (p: Port, lan = network()) => eventOfSpeakers(p, lan, w.deps)?.note
  test.each<[string, () => Port, Network, string, string | undefined]>([
    ['by one of the owner’s', () => port('b', {}, { allowedAddressPairs: [pair('10.0.0.9')] }), network(), 'far', 'b'],
    [
      'not by one that has another',
      () => port('b', {}, { allowedAddressPairs: [pair('10.0.0.8')] }),
      network(),
      'far',
      undefined,
    ],
    [
      'not by its own',
      () => port('b', {}, { allowedAddressPairs: [pair('10.0.0.9')] }, 'far'),
      network(),
      'far',
      undefined,
    ],
    [
      'not at home',
      () => port('b', {}, { allowedAddressPairs: [pair('10.0.0.9')] }, 'far'),
      network(),
      'ns',
      undefined,
    ],
    [
      'not where nothing is secured',
      () => port('b', {}, { allowedAddressPairs: [pair('10.0.0.9')] }),
      network({ portSecurityEnabled: false }),
      'far',
      undefined,
    ],
  ])('%s', (_, speaker, lan, namespace, named) => {
    w.put('ports', speaker())
    if (named === undefined) expect(told(comer(namespace), lan)).toBeUndefined()
    else expect(told(comer(namespace), lan)).toContain(named)
  })
})
