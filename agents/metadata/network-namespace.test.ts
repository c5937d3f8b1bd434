// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { planNeighbours } from './network-namespace.ts'

const MAC = 'fa:16:3e:00:00:01'

test('answers to a guest go to its own port; what is no address or MAC is no line of a command', () => {
  const lines = planNeighbours([
    { address: '10.0.0.5', mac: MAC },
    { address: 'fd00::5', mac: MAC },
    { address: 'fe80::5', mac: MAC },
    { address: 'fe80::5 dev lo', mac: MAC },
    { address: '10.0.0.6\nlink delete meta0', mac: MAC },
    { address: '10.0.0.7', mac: `${MAC} nud none` },
  ])
  expect(lines).toEqual([
    `neighbour replace 10.0.0.5 lladdr ${MAC} dev meta0 nud permanent`,
    `neighbour replace fe80::5 lladdr ${MAC} dev meta0 nud permanent`,
  ])
})
