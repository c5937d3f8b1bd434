// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readQemuUser } from './qemu-access.ts'

const model = (name: string, label: string) =>
  `<secmodel><model>${name}</model><doi>0</doi><baselabel type='kvm'>${label}</baselabel><baselabel type='qemu'>${label}</baselabel></secmodel>`
const capabilities = (...models: string[]) =>
  `<capabilities><host><uuid>x</uuid>${models.join('')}</host></capabilities>`

test.each([
  ['alone', capabilities(model('dac', '+64055:+993'))],
  ['beside AppArmor', capabilities(model('apparmor', ''), model('dac', '+64055:+993'))],
])('QEMU’s user is what libvirt says, %s', (_, xml) => {
  expect(readQemuUser(xml)).toEqual({ uid: 64055, gid: 993 })
})

test.each([
  ['nothing', capabilities()],
  ['another model', capabilities(model('selinux', 'system_u:system_r:svirt_t:s0'))],
  ['a name', capabilities(model('dac', 'root:root'))],
])('%s is not guessed at', (_, xml) => {
  expect(() => readQemuUser(xml)).toThrow('which user')
})
