// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { VpnDocument } from '../../lib/contract/documents.ts'
import { Announcements } from './announcements.ts'

test('an address is announced once for each time that the node gets it, and when it is another', async () => {
  const announced: (readonly string[])[] = []
  const announcements = new Announcements(async (_, { addresses }) => void announced.push(addresses))
  const say = (epoch: number, address = '203.0.113.5') =>
    announcements.announce(
      'ns',
      {
        ...{ uid: 'uid-vpn', versions: { incarnation: 1, term: 1, epoch, generation: 1 } },
        spec: { outside: { mac: '2e:00:00:00:00:01', addresses: [{ address, prefixLength: 24 }] } },
      } as unknown as VpnDocument,
      AbortSignal.timeout(1000),
    )
  await say(1)
  await say(1)
  expect(announced).toHaveLength(1)
  // It was elsewhere meanwhile, which this node did not hear of.
  await say(3)
  expect(announced).toHaveLength(2)
  await say(3, '203.0.113.6')
  expect(announced[2]).toEqual(['203.0.113.6'])
  announcements.forget('uid-vpn')
  await say(3, '203.0.113.6')
  expect(announced).toHaveLength(4)
})
