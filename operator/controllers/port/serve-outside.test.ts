// SPDX-License-Identifier: Apache-2.0
// Which nodes serve a host outside, and what its Port says.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ComputeNode, Port } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { planBinding } from './binding.ts'
import { chooseServers, observeOutside } from './serve-outside.ts'

let w: MemoryWorld
const network = (physicalNetwork?: string) =>
  ({ metadata: { name: 'dc', namespace: 'ns', uid: 'uid-dc' }, status: { physicalNetwork } }) as RealisedNetwork
const port = (name: string, gateways?: string[]) => {
  const status = gateways ? { gateways } : {}
  return w.put('ports', stored<Port>(name, { networkRef: { name: 'dc' }, vnicType: 'external' }, { status }))
}
const node = (name: string, physicalNetworks = ['phys']) =>
  w.put(
    'computeNodes',
    stored<ComputeNode>(
      name,
      {},
      {
        namespace: '',
        status: { state: 'up', roles: ['gateway'], inventory: { physicalNetworks } },
      },
    ),
  )
beforeEach(() => {
  w = memoryWorld()
  for (const name of ['g1', 'g2', 'g3', 'g4']) node(name)
})

describe('the nodes', () => {
  test('are three gateway nodes of its physical network, and stay', () => {
    node('g1', [])
    const one = port('one')
    expect(chooseServers(one, network('phys'), w.deps).sort()).toEqual(['g2', 'g3', 'g4'])
    const present = [...(one.status?.gateways ?? [])]
    node('g0')
    expect(chooseServers(one, network('phys'), w.deps)).toEqual(present)
  })
  test('are those of the other hosts of the Network', () => {
    port('one', ['g3', 'g1', 'g4'])
    expect(chooseServers(port('two'), network('phys'), w.deps)).toEqual(['g3', 'g1', 'g4'])
  })
  test('on a network that is no physical one there are none, ever', () => {
    expect(() => chooseServers(port('one'), network(), w.deps)).toThrow('no physical one')
  })
})

describe('it is', () => {
  const says = (nodes: string[]) => {
    const one = port('one')
    return [observeOutside(one, nodes, w.deps), one.status?.state]
  }
  test('ACTIVE once one of them has claimed it', () => {
    expect(says(['g1'])).toEqual([{ kind: 'done' }, 'ACTIVE'])
    w.network.setUnclaimed(['uid-one'])
    expect(says(['g1'])).toMatchObject([{ reason: 'Plugging' }, 'BUILD'])
  })
  test('DOWN without any', () => {
    expect(says([])).toMatchObject([{ reason: 'NoGatewayNode' }, 'DOWN'])
  })
  test('never plugged in anywhere', () => {
    expect(planBinding(port('one'), w.deps)).toEqual({ kind: 'stands', binding: undefined })
  })
})
