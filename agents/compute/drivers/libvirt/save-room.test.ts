// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { SaveRoom } from './save-room.ts'

// 64 MiB beside the memory, and 256 that are left to the host.
test('what is promised to one save is no room for the next, until that is over', async () => {
  const room = new SaveRoom('/save', async () => 3_000)
  const giveBack = await room.promise(1_000)
  await expect(room.promise(2_000)).rejects.toMatchObject({
    reason: 'NoRoomToSuspend',
    message: expect.stringContaining('needs 3384 MiB'),
  })
  const second = await room.promise(1_000)
  await expect(room.promise(1_000)).rejects.toMatchObject({ reason: 'NoRoomToSuspend' })
  giveBack()
  second()
  ;(await room.promise(2_000))()
})

test('of two at once for which there is no room together, one is let on', async () => {
  const room = new SaveRoom('/save', async () => 2_000)
  const both = await Promise.allSettled([room.promise(1_000), room.promise(1_000)])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('all of a disk is used but what is left to the host; what is not seen is left to libvirt', async () => {
  await expect(new SaveRoom('/save', async () => 1_319).promise(1_000)).rejects.toMatchObject({
    reason: 'NoRoomToSuspend',
  })
  await new SaveRoom('/save', async () => 1_320).promise(1_000)
  await new SaveRoom('/nowhere/at/all').promise(2 ** 40)
})
