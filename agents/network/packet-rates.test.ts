// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { PortDocument, Tombstone } from '../../lib/contract/documents.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import type { RatedPort } from './packet-rate-driver.ts'
import { PacketRates } from './packet-rates.ts'
import { MemoryPortDriver } from './testing/memory-port-driver.ts'

const [A, B] = ['b1a7b1a7-0000-4000-8000-00000000000a', 'b1a7b1a7-0000-4000-8000-00000000000b']
const egress = { packetsPerSecond: 1_000, burstPackets: 500 }
const documentOf = (uid: string, more: Partial<PortDocument['spec']> = {}): PortDocument => ({
  ...{ v: 1, kind: 'port', uid, node: 'n1', name: 'p', tombstone: false },
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  spec: {
    logicalPort: uid,
    networkUid: 'n',
    mac: 'fa:16:3e:00:00:01',
    fixedIPs: [],
    mtu: 1442,
    vnicType: 'normal',
    ...more,
  },
})
const limited = (uid: string, more: Partial<PortDocument['spec']> = {}) =>
  documentOf(uid, { packetRates: { egress }, ...more })
const tombstoneOf = (uid: string): Tombstone => {
  const { v, kind, node, name, versions } = documentOf(uid)
  return { v, kind, uid, node, name, versions, tombstone: true }
}

let ports: MemoryPortDriver
let looks: (readonly RatedPort[])[]
let failure: Error | undefined
let rates: PacketRates
let now = 0
let documents: (PortDocument | Tombstone)[]
beforeEach(() => {
  ports = new MemoryPortDriver()
  looks = []
  failure = undefined
  documents = []
  const ensure = (wanted: readonly RatedPort[]) => {
    looks.push(wanted)
    return failure ? Promise.reject(failure) : Promise.resolve()
  }
  rates = new PacketRates(ports, { ensure }, () => now)
})
const has = (uid: string, ofport: number, more: object = {}) =>
  ports.put({
    kind: 'port',
    uid,
    device: `tap-${uid}`,
    logicalPort: uid,
    installed: true,
    linkUp: true,
    ofport,
    ...more,
  })
const keep = (document: PortDocument | Tombstone) => {
  documents = [...documents.filter(({ uid }) => uid !== document.uid), document]
  return rates.keep(document, {
    state: { list: () => documents },
    signal: AbortSignal.timeout(1000),
  } as unknown as RunContext)
}

test('all ports that are limited are told each time, and looked at again, since OVN empties the bridge without a word', async () => {
  has(A, 3)
  has(B, 4)
  expect(await keep(limited(A))).toBe(5_000)
  expect(await keep(limited(B, { packetRates: { ingress: egress } }))).toBe(5_000)
  expect(looks.at(-1)).toEqual([
    { uid: A, ofport: 3, egress },
    { uid: B, ofport: 4, ingress: egress },
  ])
})

test('one look is for all ports, until something is another or it is time to look again', async () => {
  has(A, 3)
  has(B, 4)
  documents = [limited(A), limited(B)]
  await keep(limited(A))
  expect(await keep(limited(B))).toBe(5_000)
  expect(looks).toHaveLength(1)
  has(B, 5)
  await keep(limited(B))
  expect(looks).toHaveLength(2)
  now += 4_999
  await keep(limited(B))
  await keep(limited(A))
  expect(looks).toHaveLength(3)
})

test('a port without a limit costs one look of an agent that has just begun, and none from then on', async () => {
  has(A, 3)
  expect(await keep(documentOf(A))).toBeUndefined()
  expect(looks).toEqual([[]])
  await keep(documentOf(A))
  await keep(tombstoneOf(B))
  expect(looks).toHaveLength(1)
})

describe('nothing is left of', () => {
  beforeEach(async () => {
    has(A, 3)
    await keep(limited(A))
  })
  test.each<[string, () => Promise<unknown>]>([
    ['a limit that is taken out', () => keep(documentOf(A))],
    ['a port that goes', () => keep(tombstoneOf(A))],
    [
      'an interface that is gone, whose number another one may get',
      () => ports.unplug('port', A).then(() => keep(limited(A))),
    ],
    [
      'a port that has gone to the bridge of an SDN controller',
      () => {
        has(A, 3, { controlled: { controller: 'c', bridge: 'br-sdn' } })
        return keep(limited(A))
      },
    ],
  ])('%s', async (_, step) => {
    await step()
    expect(looks.at(-1)).toEqual([])
  })
})

test('a subport is limited on the interface of its parent, by its tag', async () => {
  has(A, 3)
  await keep(limited(B, { parent: { portUid: A, vlan: 100 } }))
  expect(looks.at(-1)).toEqual([{ uid: B, ofport: 3, vlan: 100, egress }])
})

test('a switch that takes none is told of by the port that needs it, and not by the others', async () => {
  failure = new Error('no bridge')
  has(A, 3)
  expect(await keep(documentOf(A))).toBeUndefined()
  await expect(keep(limited(B))).rejects.toThrow('no bridge')
  failure = undefined
  // What an agent before left is still to be looked for.
  await keep(documentOf(A))
  expect(looks).toHaveLength(3)
})

test('what a look that failed has left of a port that goes is taken out with the next run of another one', async () => {
  has(A, 3)
  await keep(limited(A))
  failure = new Error('no bridge')
  await expect(keep(tombstoneOf(A))).rejects.toThrow('no bridge')
  failure = undefined
  await keep(documentOf(B))
  expect(looks).toHaveLength(3)
  expect(looks.at(-1)).toEqual([])
})

test('a limit that was taken away is tried again until the switch has it', async () => {
  has(A, 3)
  await keep(limited(A))
  failure = new Error('busy')
  for (let i = 0; i < 3; i++) await expect(keep(documentOf(A))).rejects.toThrow('busy')
  failure = undefined
  await keep(documentOf(A))
  expect(looks.at(-1)).toEqual([])
  failure = new Error('busy')
  expect(await keep(documentOf(A))).toBeUndefined()
})
