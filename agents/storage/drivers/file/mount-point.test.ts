// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { isMountPoint, readMounts } from './mount-point.ts'

const line = (root: string, at: string) => `36 35 98:0 ${root} ${at} rw,noatime master:1 - ext4 /dev/sda rw`

test.each<[string, string[], boolean]>([
  ['a disk', ['/ /', '/ /srv/pool'], true],
  ['a folder of the root file system', ['/ /'], false],
  ['a folder of a disk', ['/ /', '/ /srv'], false],
  ['below a disk of another name', ['/ /', '/ /srv/pool2', '/ /srv/poo'], false],
  ['a subvolume', ['/@ /', '/@pools /srv/pool'], true],
  ['another folder, bound', ['/ /', '/data/volumes /srv/pool'], true],
  // As hostPath does it in the agent's pod.
  ['the host’s folder, on its root file system', ['/layer /', '/srv/pool /srv/pool'], false],
  ['the host’s folder, on a disk further up', ['/layer /', '/pool /srv/pool'], false],
  ['the host’s disk', ['/layer /', '/ /srv/pool'], true],
  ['the host’s disk, mounted after the pod began', ['/layer /', '/srv/pool /srv/pool', '/ /srv/pool'], true],
  ['the host’s disk, gone again', ['/layer /', '/srv/pool /srv/pool'], false],
  ['the file system of the name that a line would have, were it cut', ['/ /srv/pool\\040x'], false],
])('%s: %s', (_, mounts, expected) => {
  const text = mounts.map((mount) => line(...(mount.split(' ') as [string, string]))).join('\n')
  expect(isMountPoint('/srv/pool', `${text}\n`)).toBe(expected)
})

test('names with blanks', () => expect(isMountPoint('/my disk', line('/', '/my\\040disk'))).toBe(true))

test('of this machine', async () => {
  const mounts = await readMounts()
  expect([isMountPoint('/proc', mounts), isMountPoint('/proc/self', mounts)]).toEqual([true, false])
})
