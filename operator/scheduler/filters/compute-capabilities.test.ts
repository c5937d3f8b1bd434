// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { refusalOf } from '../testing.ts'
import { computeCapabilitiesFilter } from './compute-capabilities.ts'

const FACTS = { acceleration: 'kvm', hypervisorType: 'QEMU', hypervisorVersion: '10.0.2', zone: 'a', vhostUser: true }

test.each<[Record<string, string>, string | undefined]>([
  [{}, undefined],
  [{ 'capabilities:hypervisor_type': 'QEMU' }, undefined],
  [{ 'capabilities:hypervisor_type': '<or> KVM <or> QEMU' }, undefined],
  [{ 'capabilities:hypervisor_type': 's== KVM' }, 'has hypervisor_type QEMU, the Flavor asks for s== KVM'],
  [{ 'capabilities:hypervisor_version': '>= 8000000' }, undefined],
  [{ 'capabilities:hypervisor_version': '== 10000002' }, undefined],
  [
    { 'capabilities:hypervisor_version': '<= 9000000' },
    'has hypervisor_version 10000002, the Flavor asks for <= 9000000',
  ],
  [{ 'capabilities:cpu_info:arch': 'x86_64' }, undefined],
  [{ 'capabilities:cpu_info:arch': 'aarch64' }, 'has cpu_info:arch x86_64, the Flavor asks for aarch64'],
  [
    { 'capabilities:acceleration': 'kvm', 'capabilities:availability_zone': 'a', 'capabilities:vhost_user': 'true' },
    undefined,
  ],
  [{ 'capabilities:vhost_user': 'false' }, 'has vhost_user true, the Flavor asks for false'],
  [{ 'capabilities:gpu': '1' }, 'says nothing of capability gpu'],
  [{ hypervisor_type: 'KVM', 'hw:x': '1' }, undefined],
])('%j', (extraSpecs, why) => {
  expect(refusalOf(computeCapabilitiesFilter, FACTS, { flavor: { name: 'f', extraSpecs } })).toBe(why)
})

test('KVM, where it is asked for', () => {
  expect(refusalOf(computeCapabilitiesFilter, { acceleration: 'qemu' }, { requireKvm: true })).toBe('has no KVM')
  expect(refusalOf(computeCapabilitiesFilter, { acceleration: 'kvm' }, { requireKvm: true })).toBeUndefined()
})
