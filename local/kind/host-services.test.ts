// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { REPOSITORY } from '../cloud/layout.ts'
import { HOST_FOLDERS, HOST_PACKAGES, HOST_UNITS, hostFiles, missingPackages } from './host-services.ts'

test('what is listed as installed is not installed again', () => {
  const all = HOST_PACKAGES.map((name) => `${name} installed`)
  expect(missingPackages(all.join('\n'))).toEqual([])
  expect(missingPackages(all.slice(1).concat('openvswitch-switch config-files').join('\n'))).toEqual([HOST_PACKAGES[0]])
  expect(missingPackages('')).toEqual(HOST_PACKAGES)
})

test('a node says its own name to the switch, is a host of its own to libvirt, and keeps its names and addresses', () => {
  const files = hostFiles('nephele-worker2', 2)
  expect(Object.keys(files).toSorted()).toEqual([
    '/etc/libvirt/libvirtd.conf',
    '/etc/libvirt/qemu.conf',
    '/etc/openvswitch/system-id.conf',
  ])
  expect(files['/etc/openvswitch/system-id.conf']?.text).toBe('nephele-worker2\n')
  expect(files['/etc/libvirt/libvirtd.conf']).not.toEqual(hostFiles('nephele-worker', 1)['/etc/libvirt/libvirtd.conf'])
})

test('the page for administrators names the same packages, units and folders', () => {
  const page = readFileSync(join(REPOSITORY, 'docs', 'node-prerequisites.md'), 'utf8')
  // Of the base system, or of the lane's own.
  const packages = HOST_PACKAGES.filter((name) => !['curl', 'procps', 'ipxe-qemu'].includes(name))
  for (const name of [...packages, ...HOST_UNITS.filter((unit) => unit !== 'ovn-host')])
    expect(page).toContain(`\`${name}\``)
  for (const [path] of HOST_FOLDERS) expect(page).toContain(path)
})
