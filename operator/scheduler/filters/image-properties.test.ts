// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { refusalOf } from '../testing.ts'
import { imagePropertiesFilter } from './image-properties.ts'

const VERSION = (required: string) => `has version 10.0.2 of the hypervisor, the image asks for ${required}`

test.each<[Record<string, string>, string | undefined]>([
  [{}, undefined],
  [{ hw_architecture: 'x86_64' }, undefined],
  [{ architecture: 'AMD64' }, undefined],
  [{ hw_architecture: 'aarch64' }, 'runs x86_64, the image is for aarch64'],
  [{ architecture: 'aarch64' }, 'runs x86_64, the image is for aarch64'],
  [{ img_hv_type: 'qemu' }, undefined],
  [{ img_hv_type: 'QEMU' }, undefined],
  [{ img_hv_type: 'kvm' }, 'has qemu, the image asks for kvm'],
  [{ hypervisor_type: 'xen' }, 'has qemu, the image asks for xen'],
  [{ hw_vm_mode: 'hvm' }, undefined],
  [{ hw_vm_mode: 'HV' }, undefined],
  [{ hw_vm_mode: 'xen' }, 'runs vm mode hvm, the image asks for xen'],
  [{ vm_mode: 'exe' }, 'runs vm mode hvm, the image asks for exe'],
  [{ hw_firmware_type: 'bios' }, undefined],
  [
    { hw_firmware_type: 'UEFI' },
    'has no UEFI firmware, which the image asks for: install ovmf and restart libvirtd there',
  ],
  [{ img_hv_requested_version: '>=10.0' }, undefined],
  [{ img_hv_requested_version: '>=10.0.2, <11' }, undefined],
  [{ img_hv_requested_version: '>10.0.2' }, VERSION('>10.0.2')],
  [{ img_hv_requested_version: '>=9,<10' }, VERSION('>=9,<10')],
  [{ img_hv_requested_version: '==10.0.2' }, undefined],
  [{ img_hv_requested_version: '!=10.0.2' }, VERSION('!=10.0.2')],
  [{ img_hv_requested_version: '<=9.9' }, VERSION('<=9.9')],
  [{ hypervisor_version_requires: '<9' }, VERSION('<9')],
  [{ img_hv_requested_version: 'new' }, VERSION('new')],
])('%j', (imageProperties, why) => {
  const facts = { acceleration: 'qemu', hypervisorVersion: '10.0.2' }
  expect(refusalOf(imagePropertiesFilter, facts, { imageProperties })).toBe(why)
})

test('a node with KVM has both; one that does not say its version has any', () => {
  const imageProperties = { img_hv_type: 'kvm', img_hv_requested_version: '>99' }
  expect(refusalOf(imagePropertiesFilter, { acceleration: 'kvm' }, { imageProperties })).toBeUndefined()
})

test('a node with UEFI firmware takes both, and Secure Boot where it has it', () => {
  const secure = { hw_firmware_type: 'uefi', os_secure_boot: 'required' }
  const refusal = (firmware: string[], imageProperties: Record<string, string>) =>
    refusalOf(imagePropertiesFilter, { firmware }, { imageProperties })
  for (const hw_firmware_type of ['uefi', 'bios'])
    expect(refusal(['bios', 'uefi'], { hw_firmware_type })).toBeUndefined()
  expect(refusal(['bios', 'uefi'], secure)).toMatch(/^has no UEFI firmware with Secure Boot, .* install ovmf/)
  expect(refusal(['bios', 'uefi', 'secure-boot'], secure)).toBeUndefined()
})

test('a TPM is had where swtpm is', () => {
  const imageProperties = { hw_tpm_version: '2.0' }
  const refusal = (tpmVersions?: string[]) =>
    refusalOf(imagePropertiesFilter, tpmVersions ? { tpmVersions } : {}, { imageProperties })
  expect(refusal()).toMatch(/^has no TPM 2.0 for its machines, .* install swtpm/)
  expect(refusal(['1.2'])).toBeDefined()
  expect(refusal(['1.2', '2.0'])).toBeUndefined()
})
