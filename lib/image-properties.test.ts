// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { findUnsupported, JUDGED_PROPERTIES } from './image-properties.ts'

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
  [{ hw_video_model: 'none', hw_input_bus: 'usb', hw_watchdog_action: 'poweroff' }, undefined],
  [{ os_secure_boot: 'required' }, 'image property os_secure_boot is "required"; that needs hw_firmware_type uefi'],
  [{ hw_tpm_version: '1.2' }, 'image property hw_tpm_version is "1.2"; write 2.0'],
  [{ hw_tpm_model: 'tpm-tis' }, 'image property hw_tpm_model is "tpm-tis"; that needs hw_tpm_version 2.0'],
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

test.each(['images', 'guests'])('docs/%s.md names each', (name) => {
  const page = readFileSync(new URL(`../docs/${name}.md`, import.meta.url), 'utf8')
  expect(JUDGED_PROPERTIES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
