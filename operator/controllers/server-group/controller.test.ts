// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import type { Change } from '../../../lib/informer/store.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { stored } from '../../testing/memory-deps.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { serverGroupController } from './controller.ts'

const member = (node?: string): Instance =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, serverGroupRef: { name: 'group' } },
    { status: { state: 'BUILD', ...(node === undefined ? {} : { node }) } },
  )

/** What a change of a member wakes, as `key after ms`. */
function wokenBy(change: Change<Instance>): string[] {
  let tell: (change: Change<Instance>) => void = () => undefined
  const onChange = (handler: typeof tell) => {
    tell = handler
    return () => undefined
  }
  const informers = { instances: { onChange } } as unknown as OperatorInformers
  const woken: string[] = []
  const enqueue = (key: string, afterMs = 0) => void woken.push(`${key} after ${afterMs}`)
  const nothing = () => undefined
  const { sources = [] } = serverGroupController({} as OperatorDeps, informers)
  for (const subscribe of sources) subscribe({ enqueue, enqueueUid: nothing, enqueueAll: nothing })
  tell(change)
  return woken
}

test.each<[string, Change<Instance>, string[]]>([
  ['a member that comes waits for others that come with it', { old: undefined, object: member() }, ['3000']],
  ['one that is placed, too', { old: member(), object: member('n1') }, ['3000']],
  [
    'one that leaves its node is told at once: its group may wait for it',
    { old: member('n1'), object: undefined },
    ['0'],
  ],
  ['what its group does not show wakes nobody', { old: member('n1'), object: member('n1') }, []],
])('%s', (_, change, after) => {
  expect(wokenBy(change).map((text) => text.replace(/^.*after /, ''))).toEqual(after)
})
