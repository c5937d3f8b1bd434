// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { addressesOf, askedServers, toResolverState } from './asked-servers.ts'

const named = [
  { providerNetwork: 'dc', upstreams: ['b', 'a'] },
  { providerNetwork: 'elsewhere', upstreams: ['z'] },
]
const served = new Map([
  ['net-1', { providerNetwork: 'dc' }],
  ['net-2', {}],
])

test('servers of a ProviderNetwork are asked where a guest is on it, and nowhere else', () => {
  const asked = askedServers({ from: 'cloud', upstreams: ['a'] }, named, served)
  expect(addressesOf(asked)).toEqual(['a', 'b'])
  expect(addressesOf(askedServers({ from: 'cloud', upstreams: ['a'] }, named, new Map()))).toEqual(['a'])
})

test('what is found of each is said wherever it is asked, in its order', () => {
  const [a, b] = [
    { address: 'a', since: 's' },
    { address: 'b', since: 's', error: 'no answer in time' },
  ]
  const asked = askedServers({ from: 'cloud', upstreams: ['a'] }, named, served)
  expect(toResolverState(asked, [a, b])).toEqual({
    ...{ from: 'cloud', upstreams: [a] },
    ofProviderNetworks: [{ providerNetwork: 'dc', upstreams: [b, a] }],
  })
  const none = askedServers({ from: 'node', upstreams: ['a'] }, named, new Map())
  expect(toResolverState(none, [a])).toEqual({ from: 'node', upstreams: [a] })
})
