// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Port } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'
import { wishesMore } from './wishes.ts'

const PAIR = { ipAddress: '10.0.0.0/25' }
const OF_MAC = { ...PAIR, macAddress: 'fa:16:3e:00:00:05' }

test.each<[string, Partial<Port['spec']>, Port['status'], boolean]>([
  ['nothing', {}, undefined, false],
  ['port security', { portSecurityEnabled: true }, {}, false],
  ['none', { portSecurityEnabled: false }, undefined, true],
  ['none, and has it still', { portSecurityEnabled: false }, { portSecurityEnabled: true }, true],
  ['none, and has none', { portSecurityEnabled: false }, { portSecurityEnabled: false }, false],
  ['nothing, and has none by its network', {}, { portSecurityEnabled: false }, false],
  ['a pair', { allowedAddressPairs: [PAIR] }, undefined, true],
  ['a pair that it has', { allowedAddressPairs: [PAIR] }, { allowedAddressPairs: [OF_MAC, PAIR] }, false],
  ['a pair under another MAC', { allowedAddressPairs: [OF_MAC] }, { allowedAddressPairs: [PAIR] }, true],
  ['another pair', { allowedAddressPairs: [PAIR, { ipAddress: '::' }] }, { allowedAddressPairs: [PAIR] }, true],
  ['fewer pairs', { allowedAddressPairs: [PAIR] }, { allowedAddressPairs: [PAIR, { ipAddress: '::' }] }, false],
])('a port that asks for %s', (_, spec, status, more) => {
  expect(wishesMore(stored<Port>('p', { networkRef: { name: 'lan' }, ...spec }, status ? { status } : {}))).toBe(more)
})

describe('what stands against a wish goes between the look at it and the word about it', () => {
  test.each([
    ['an address', { allowedAddressPairs: [PAIR] }],
    ['no port security', { portSecurityEnabled: false }],
  ])('%s is given all the same', async (_, spec) => {
    const c = await QuietCloud.furnished()
    const theirs = { namespace: 'b', name: 'theirs' }
    c.set('networks', 'lan', { sharedWith: [{ namespace: '*' }] })
    c.operator.create('ports', theirs, { networkRef: ns('lan') })
    c.port('mine')
    await c.operator.rest()
    c.operator.isInterleaved = true
    c.set('ports', 'mine', spec)
    // Its run comes after that of the new one has begun.
    c.operator.remove('ports', theirs)
    await c.operator.rest()
    expect(c.operator.find('ports', theirs)).toBeUndefined()
    expect(c.operator.reason('ports', ns('mine'))).toBe('Ready')
  })
})
