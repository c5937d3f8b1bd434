// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Port } from '../../../lib/api/types.ts'
import { machine, machineWorld } from '../../testing/machine-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { portRelease } from './port-release.ts'

const instance = machine()
const left = { kind: 'instance', object: instance, node: 'c1', epoch: 3 } as const
const held = { name: 'vm', uid: 'uid-vm' }
const automatic = { origin: 'Instance', owner: held, node: 'c2', epoch: 9 }
const users = { origin: 'User', instance: held, node: 'c1', epoch: 5 }

test.each<[string, object, { node?: string; epoch: number; state?: string } | undefined, boolean]>([
  ['an automatic port that its node did not speak of', automatic, undefined, true],
  ['an automatic port, gone of the machine’s epoch', automatic, { epoch: 3 }, false],
  ['an automatic port, gone of an older epoch', automatic, { epoch: 2 }, true],
  ['an automatic port, still plugged', automatic, { epoch: 3, state: 'active' }, true],
  ['an automatic port, gone from another node', automatic, { epoch: 3, node: 'c2' }, true],
  ['a user’s port, gone of its own epoch', users, { epoch: 5 }, false],
  ['a user’s port, gone of an older epoch', users, { epoch: 4 }, true],
  ['a user’s port that was given elsewhere meanwhile', { ...users, node: 'c2' }, undefined, false],
  ['a user’s port that another machine has', { ...users, instance: { name: 'x', uid: 'uid-x' } }, undefined, false],
  ['a user’s port that nobody has', { origin: 'User' }, undefined, false],
  ['a user’s port of no epoch yet', { origin: 'User', instance: held, node: 'c1' }, { epoch: 0 }, false],
])('%s', (_, status, said, waits) => {
  const world = machineWorld()
  const port = stored<Port>('p', { networkRef: { name: 'lan' } }, { status })
  if (said) world.report('port', port, { node: 'c1', state: 'gone', ...said })
  expect(portRelease(port, instance, left, world.deps)).toEqual(
    waits ? { kind: 'wait', reason: 'Releasing', message: 'waiting for Port p to leave node c1' } : undefined,
  )
})
