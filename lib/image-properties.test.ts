// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import {
  findUnsupported,
  findUnsupportedSpec,
  JUDGED_PROPERTIES,
  queuesOf,
  withExtraSpecs,
} from './image-properties.ts'

test.each<[Record<string, string>, string | undefined]>([
  [{}, undefined],
  [{ hw_disk_bus: 'virtio', hw_firmware_type: 'bios', os_secure_boot: 'disabled' }, undefined],
  [{ hw_disk_bus: 'SATA', hw_scsi_model: 'virtio-scsi' }, undefined],
  [{ hw_scsi_model: 'lsilogic' }, 'image property hw_scsi_model is "lsilogic"; write virtio-scsi'],
  [{ hw_qemu_guest_agent: 'yes', os_distro: 'debian', constructor: 'x' }, undefined],
  [{ architecture: 'X86_64' }, undefined],
  [{ hw_firmware_type: 'UEFI' }, undefined],
  [{ hw_firmware_type: 'coreboot' }, 'image property hw_firmware_type is "coreboot"; write bios or uefi'],
  [{ hw_firmware_type: 'uefi', os_secure_boot: 'Required', hw_tpm_version: '2.0', hw_tpm_model: 'tpm-crb' }, undefined],
  [{ hw_boot_menu: 'Yes', hw_time_hpet: '0' }, undefined],
  [{ hw_boot_menu: 'maybe' }, 'image property hw_boot_menu is "maybe"; write true or false'],
  [{ hw_time_hpet: '' }, 'image property hw_time_hpet is ""; write true or false'],
  [{ hw_video_model: 'none', hw_input_bus: 'usb', hw_watchdog_action: 'poweroff' }, undefined],
  [{ os_secure_boot: 'required' }, 'os_secure_boot is "required"; that needs image property hw_firmware_type uefi'],
  [{ hw_tpm_version: '1.2' }, 'image property hw_tpm_version is "1.2"; write 2.0'],
  [{ hw_tpm_model: 'tpm-tis' }, 'hw_tpm_model is "tpm-tis"; that needs hw_tpm_version 2.0'],
  [{ hw_video_model: 'qxl', hw_input_bus: 'ps2' }, undefined],
  [{ hw_disk_bus: 'ide' }, 'image property hw_disk_bus is "ide"; write virtio or scsi or sata'],
  [{ hw_mem_encryption: 'true' }, 'image property hw_mem_encryption is "true"; write false'],
  [{ img_signature: 'abc' }, 'image property img_signature is "abc"; this cannot be had yet: take it out'],
  [{ cinder_encryption_key_id: 'k' }, 'cinder_encryption_key_id'],
])('%j', (properties, message) => {
  const found = findUnsupported(properties)
  if (message === undefined) expect(found).toBeUndefined()
  else expect(found).toContain(message)
})

const UEFI = { hw_firmware_type: 'uefi' }
test.each<[Record<string, string>, Record<string, string>, string | undefined]>([
  [{}, {}, undefined],
  [{ 'hw:tpm_version': '2.0', 'hw:tpm_model': 'tpm-crb', 'hw:watchdog_action': 'reset' }, {}, undefined],
  [{ 'hw:tpm_version': '1.2' }, {}, 'extra spec hw:tpm_version is "1.2"; write 2.0'],
  [{ 'hw:tpm_model': 'tpm-crb' }, {}, 'that needs hw_tpm_version 2.0'],
  [{ 'hw:tpm_model': 'tpm-crb' }, { hw_tpm_version: '2.0' }, undefined],
  [{ 'os:secure_boot': 'required' }, {}, 'that needs image property hw_firmware_type uefi'],
  [{ 'os:secure_boot': 'Required' }, UEFI, undefined],
  [{ 'os:secure_boot': 'required' }, { ...UEFI, os_secure_boot: 'disabled' }, 'write the same, or one of them'],
  [{ 'os:secure_boot': 'required' }, { ...UEFI, os_secure_boot: 'REQUIRED' }, undefined],
  [{ 'hw:watchdog_action': 'poweroff' }, { hw_watchdog_action: 'reset' }, undefined],
  [{ 'hw:vif_multiqueue_enabled': 'true' }, { hw_vif_multiqueue_enabled: 'false' }, undefined],
  [{ 'hw:boot_menu': 'true' }, { hw_boot_menu: 'false' }, undefined],
  [{ 'hw:boot_menu': '2' }, {}, 'extra spec hw:boot_menu is "2"; write true or false'],
  [{ 'hw:watchdog_action': 'pause' }, {}, 'extra spec hw:watchdog_action is "pause"; write disabled or none'],
  [{ 'hw:cpu_policy': 'dedicated', constructor: 'x' }, {}, undefined],
])('extra specs %j with image properties %j', (extraSpecs, properties, message) => {
  const found = findUnsupportedSpec(extraSpecs, properties)
  if (message === undefined) expect(found).toBeUndefined()
  else expect(found).toContain(message)
})

test.each<[Record<string, string>, number, number]>([
  [{}, 4, 1],
  [{ hw_vif_multiqueue_enabled: 'True' }, 4, 4],
  [{ hw_vif_multiqueue_enabled: 'yes' }, 300, 256],
  [{ hw_vif_multiqueue_enabled: 'no' }, 4, 1],
])('%j with %i CPUs: %i queues', (properties, vcpus, queues) => expect(queuesOf(properties, vcpus)).toBe(queues))

test('the image speaks before the Flavor', () => {
  const extraSpecs = { 'hw:watchdog_action': 'poweroff', 'hw:tpm_version': '2.0', 'hw:cpu_policy': 'shared' }
  expect(withExtraSpecs({ hw_watchdog_action: 'reset', a: 'b' }, extraSpecs)).toEqual({
    ...{ hw_tpm_version: '2.0', hw_watchdog_action: 'reset', a: 'b' },
  })
})

test.each(['images', 'guests'])('docs/%s.md names each', (name) => {
  const page = readFileSync(new URL(`../docs/${name}.md`, import.meta.url), 'utf8')
  expect(JUDGED_PROPERTIES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
