// SPDX-License-Identifier: Apache-2.0
// Machines of running clouds are found by these names: they never change.
import { expect, test } from '@jest/globals'
import {
  checkedUid,
  computeDir,
  consoleDir,
  consoleLog,
  imageBaseDir,
  instanceDir,
  instancesDir,
  tapName,
  vhostUserDir,
  vhostUserSocket,
} from './paths.ts'
import { DEFAULT_PATHS } from './testing.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000001'

test('where things lie', () => {
  expect({
    taps: tapName(UID),
    sockets: [vhostUserDir(DEFAULT_PATHS), vhostUserSocket(DEFAULT_PATHS, UID)],
    images: imageBaseDir(DEFAULT_PATHS),
    instances: [instancesDir(DEFAULT_PATHS), instanceDir(DEFAULT_PATHS, UID)],
    consoles: [consoleDir(DEFAULT_PATHS), consoleLog(DEFAULT_PATHS, UID)],
    own: computeDir(DEFAULT_PATHS),
  }).toEqual({
    taps: 'tapaaaaaaaa-00',
    sockets: ['/run/nephele/vhostuser', '/run/nephele/vhostuser/vhuaaaaaaaa-00'],
    images: '/var/lib/nephele/images/_base',
    instances: ['/var/lib/nephele/instances', `/var/lib/nephele/instances/${UID}`],
    consoles: ['/var/lib/nephele/console', `/var/lib/nephele/console/${UID}.log`],
    own: '/var/lib/nephele/compute',
  })
})

test.each(['', '-a', 'a/b', '..', 'A', 'a_b', 'a b', 'a'.repeat(64)])(
  '%j is no uid, and no path is made of it',
  (uid) => {
    for (const make of [checkedUid, tapName]) expect(() => make(uid)).toThrow('not a uid')
    for (const make of [vhostUserSocket, instanceDir, consoleLog])
      expect(() => make(DEFAULT_PATHS, uid)).toThrow('not a uid')
  },
)

test('the longest uid is one', () => {
  expect(checkedUid('a'.repeat(63))).toBe('a'.repeat(63))
})
