// SPDX-License-Identifier: Apache-2.0
// A QoSPolicy is there at once, and stays as long as something has it.
import { expect, test } from '@jest/globals'
import type { Network, Port, QoSPolicy } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileQoSPolicy } from './reconcile.ts'

const policy = (more: object = {}) => stored<QoSPolicy>('gold', { dscpMark: 46 }, more)

test('it is there at once', () => {
  const made = policy()
  expect(reconcileQoSPolicy(made, memoryWorld().deps)).toEqual({ kind: 'done' })
  expect(made.status).toEqual({ state: 'ACTIVE' })
})

test('who has it holds it, whatever its spec says; who only asks for it does not', () => {
  const w = memoryWorld()
  const going = policy({ deleted: true })
  const spec = { networkRef: { name: 'lan' }, qosPolicyRef: { name: 'gold' } }
  w.put('ports', stored<Port>('asks', spec))
  expect(reconcileQoSPolicy(going, w.deps)).toEqual({ kind: 'released' })
  const has = { status: { qosPolicy: 'ns/gold', qosPolicyUID: 'uid-gold' } }
  w.put('ports', stored<Port>('eth', { networkRef: { name: 'lan' } }, has))
  w.put('networks', stored<Network>('lan', {}, has))
  expect(reconcileQoSPolicy(going, w.deps)).toMatchObject({
    ...{ kind: 'wait', reason: 'InUse' },
    message:
      'in use by Network ns/lan, Port ns/eth: take it out of spec.qosPolicyRef of these, or of the Networks of these Ports',
  })
  expect(going.status).toEqual({ state: 'DELETING' })
})
