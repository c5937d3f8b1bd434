// SPDX-License-Identifier: Apache-2.0
// The AppArmor rules that docs/node-prerequisites.md has administrators install, with the nodes' own libvirt and parser. Loaded where the
// kernel has AppArmor, which the reference machine's has not.
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import { REPOSITORY } from '../cloud/layout.ts'
import { ensureRootfs } from './build.ts'

const RULES = join(REPOSITORY, 'docs', 'apparmor')
const HELPER = 'usr.lib.libvirt.virt-aa-helper'
const KERNEL = '/sys/kernel/security/apparmor/.replace'
const GUEST = 'libvirt-nephele-test'

let rootfs: string
let base = ''
beforeAll(async () => {
  rootfs = await ensureRootfs()
  base = await mkdtemp(join(tmpdir(), 'nephele-apparmor-'))
  await cp(join(rootfs, 'etc/apparmor.d'), base, { recursive: true, verbatimSymlinks: true })
  await mkdir(join(base, 'abstractions/libvirt-qemu.d'), { recursive: true })
  await cp(join(RULES, 'libvirt-qemu'), join(base, 'abstractions/libvirt-qemu.d/nephele'))
  await cp(join(RULES, 'virt-aa-helper'), join(base, 'local', HELPER))
  // As libvirt writes one for each guest: TEMPLATE.qemu under another name.
  const guest = `#include <tunables/global>\nprofile ${GUEST} flags=(attach_disconnected) {\n  #include <abstractions/libvirt-qemu>\n}\n`
  await writeFile(join(base, GUEST), guest)
}, 15 * 60_000)
afterAll(async () => {
  if (base !== '') await rm(base, { recursive: true })
})

const parse = (...args: string[]) => {
  const loader = [
    `${rootfs}/lib64/ld-linux-x86-64.so.2`,
    '--library-path',
    `${rootfs}/usr/lib/x86_64-linux-gnu`,
  ] as const
  const parser = [`${rootfs}/usr/sbin/apparmor_parser`, '--skip-read-cache', '--base', base, '--Include', base]
  return exec([...loader, ...parser, ...args], { timeoutMs: 60_000 })
}

test.each([
  [GUEST, '/var/lib/nephele/pki/qemu/*.pem r,'],
  [HELPER, '/var/lib/nephele/instances/*/* r,'],
])('%s takes the rules in, and they compile', async (profile, rule) => {
  const path = join(base, profile)
  expect((await parse('--preprocess', path)).stdout).toContain(rule)
  await parse('--skip-kernel-load', path)
})

test('a guest’s profile knows no other key of the node', async () => {
  const { stdout } = await parse('--preprocess', join(base, GUEST))
  const paths = stdout.split('\n').filter((line) => line.includes('/var/lib/nephele'))
  expect(paths.filter((line) => !line.trim().startsWith('#')).map((line) => line.trim())).toEqual([
    '/var/lib/nephele/pki/qemu/ r,',
    '/var/lib/nephele/pki/qemu/*.pem r,',
  ])
})

test('the kernel takes them, where it has AppArmor', async () => {
  if (!existsSync(KERNEL)) return
  await parse('--replace', join(base, GUEST))
  await parse('--remove', join(base, GUEST))
})
