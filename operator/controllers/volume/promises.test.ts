// SPDX-License-Identifier: Apache-2.0
// Room of a pool is promised before that is written; what came to nothing is had by who waits for it, and what was written wakes nobody.
import { describe, expect, test } from '@jest/globals'
import type { Volume } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'
import { VolumePromises } from './promises.ts'

const at = { node: 's1', pool: 'files' }

describe('with the timers off, who waits for room gets what was promised and never written', () => {
  test.each<[string, (c: QuietCloud) => unknown]>([
    ['when the volume is looked at again', (c) => c.set('volumes', 'first', { sizeGiB: 91 })],
    [
      'when its node says that it has it',
      (c) => c.operator.world.bus.report(c.report('volume', c.uidOf('first', 'volumes'), 's1')),
    ],
    ['when the volume is deleted', (c) => c.operator.remove('volumes', ns('first'))],
    ['when the volume is gone', (c) => c.drop('volumes', 'first')],
  ])('%s', async (_, happens) => {
    const c = await QuietCloud.furnished()
    c.volume('first', { sizeGiB: 90, volumeTypeRef: { name: 'later' } })
    c.volume('grows', { sizeGiB: 1 })
    await c.operator.rest()
    c.operator.world.deps.volumePromises.make(c.uidOf('first', 'volumes'), { ...at, sizeGiB: 90 })
    c.volume('second', { sizeGiB: 50 })
    c.set('volumes', 'grows', { sizeGiB: 20 })
    await c.operator.rest()
    const has = () =>
      ['second', 'grows'].map((name) => (c.operator.get('volumes', ns(name)) as Volume).status?.grantedGiB)
    expect(has()).toEqual([undefined, 1])
    await happens(c)
    await c.operator.rest()
    expect(has()).toEqual([50, 20])
  })
})

describe('a promise', () => {
  const world = () => {
    const heard: string[] = []
    const promises = new VolumePromises()
    promises.onWithdrawn((pool) => void heard.push(pool))
    promises.make('uid-v', { ...at, sizeGiB: 5 })
    return { heard, promises }
  }
  const volume = (status: Volume['status']) => stored<Volume>('v', { sizeGiB: 5 }, status ? { status } : {})

  test.each<[string, Volume['status'], string[]]>([
    ['not written', undefined, ['files']],
    ['written', { node: 's1', pool: 'files', grantedGiB: 5 }, []],
    ['of more than is written', { node: 's1', pool: 'files', grantedGiB: 4 }, ['files']],
  ])('that was %s and is withdrawn', (_, status, woken) => {
    const { heard, promises } = world()
    promises.withdraw(volume(status))
    expect(heard).toEqual(woken)
    promises.withdraw(volume(status))
    expect(heard).toEqual(woken)
  })

  test.each<[string, object, string[]]>([
    ['the same', {}, []],
    ['more', { sizeGiB: 6 }, []],
    ['less', { sizeGiB: 4 }, ['files']],
    ['another node', { node: 's2' }, ['files']],
    ['another pool', { pool: 'more' }, ['files']],
  ])('that is made again for %s', (_, now, woken) => {
    const { heard, promises } = world()
    promises.make('uid-v', { ...at, sizeGiB: 5, ...now })
    expect(heard).toEqual(woken)
  })
})
