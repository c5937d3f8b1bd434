// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { HostInterface } from './host-interfaces.ts'
import { GONE_FOR_MS, InterfacesInUse } from './interfaces-in-use.ts'

const OWN = '192.0.2.7'
const free: Omit<HostInterface, 'ifindex'> = { addresses: [] }
const own = { addresses: [OWN] }

function watch() {
  const clock = { now: 0 }
  const inUse = new InterfacesInUse([OWN], () => clock.now)
  const look = (at: number, devices: Record<string, Omit<HostInterface, 'ifindex'>>) => {
    clock.now = at
    inUse.note(new Map(Object.entries(devices).map(([name, link]) => [name, { ifindex: 1, ...link }])))
    return inUse.whyInUse('e0') !== undefined
  }
  return { inUse, look }
}

type Look = [number, Record<string, Omit<HostInterface, 'ifindex'>>, boolean]
const used = { addresses: ['198.51.100.9'] }

test.each<[string, Look[]]>([
  ['never used', [[0, { e0: free }, false]]],
  ['used later', [[0, { e0: free }, false], [1, { e0: used }, true]]], // prettier-ignore
  [
    'an address: from the look that misses it',
    [
      [0, { e0: used }, true],
      [GONE_FOR_MS * 2, { e0: free }, true],
      [GONE_FOR_MS * 3 - 1, { e0: free }, true],
      [GONE_FOR_MS * 3, { e0: free }, false],
    ],
  ],
  [
    'an address that comes back: from the start',
    [
      [0, { e0: used }, true],
      [1, { e0: free }, true],
      [2, { e0: used }, true],
      [GONE_FOR_MS + 1, { e0: free }, true],
      [GONE_FOR_MS * 2, { e0: free }, true],
    ],
  ],
  ['a default route', [[0, { e0: { ...free, isDefaultRoute: true } }, true], [1, { e0: free }, true], [GONE_FOR_MS + 1, { e0: free }, false]]], // prettier-ignore
  ['a VLAN', [[0, { e0: { ...free, uppers: ['e0.7'] } }, true], [1, { e0: free }, true], [GONE_FOR_MS + 1, { e0: free }, false]]], // prettier-ignore
  ['a device that goes', [[0, { e0: used }, true], [1, {}, true], [2, { e0: free }, true], [GONE_FOR_MS + 1, { e0: free }, false]]], // prettier-ignore
  [
    'the address of the node: until another interface has it',
    [
      [0, { e0: own }, true],
      [1, { e0: free }, true],
      [GONE_FOR_MS * 9, { e0: free }, true],
      [GONE_FOR_MS * 10, { e0: free, br0: own }, true],
      [GONE_FOR_MS * 11, { e0: free, br0: own }, false],
    ],
  ],
])('%s', (_, looks) => {
  const { look } = watch()
  expect(looks.map(([at, devices]) => look(at, devices))).toEqual(looks.map(([, , expected]) => expected))
})

test('written anew: an address that is gone counts no longer, that of the node does', () => {
  for (const [link, expected] of [
    [used, false],
    [own, true],
  ] as const) {
    // prettier-ignore
    const { inUse, look } = watch()
    look(0, { e0: link })
    inUse.forget('e0')
    expect(look(1, { e0: free })).toBe(expected)
    expect(look(2, { e0: link })).toBe(true)
  }
})
