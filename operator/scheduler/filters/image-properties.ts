// SPDX-License-Identifier: Apache-2.0
import { firmwareOf, type Firmware } from '../../../lib/image-properties.ts'
import type { SharedFacts } from '../nodes/node-facts.ts'
import type { ClassFilter } from './filter.ts'
import { compareVersions } from './versions.ts'

/** Nodes run machines of x86_64 alone so far. */
const ARCHITECTURE = 'x86_64'
const VM_MODE = 'hvm'
const FIRMWARE: Record<Firmware, string> = {
  ...{ bios: 'BIOS', uefi: 'UEFI firmware', 'secure-boot': 'UEFI firmware with Secure Boot' },
}
/** As Nova reads them, too. */
const NAMES_OF_VM_MODE = [VM_MODE, 'hv', 'baremetal']

/** What an image has to have to run: architecture, hypervisor type and version, vm mode, firmware and TPM, by their Glance names, old ones too. */
export const imagePropertiesFilter: ClassFilter = {
  name: 'ImagePropertiesFilter',
  by: 'class',
  turnedBy: [],
  refuse(node, { imageProperties = {} }) {
    const one = (...names: string[]) => names.map((name) => imageProperties[name]).find((value) => value !== undefined)
    const architecture = one('hw_architecture', 'architecture')
    if (architecture !== undefined && toArchitecture(architecture) !== ARCHITECTURE)
      return `runs ${ARCHITECTURE}, the image is for ${architecture}`
    const hypervisor = one('img_hv_type', 'hypervisor_type')
    if (hypervisor !== undefined && !hypervisorsOf(node).includes(hypervisor.toLowerCase()))
      return `has ${hypervisorsOf(node).join(' and ')}, the image asks for ${hypervisor}`
    const mode = one('hw_vm_mode', 'vm_mode')
    if (mode !== undefined && !NAMES_OF_VM_MODE.includes(mode.toLowerCase()))
      return `runs vm mode ${VM_MODE}, the image asks for ${mode}`
    const firmware = firmwareOf(imageProperties)
    if (firmware !== 'bios' && node.firmware?.includes(firmware) !== true)
      return `has no ${FIRMWARE[firmware]}, which the image asks for: install ovmf and restart libvirtd there`
    const tpm = imageProperties['hw_tpm_version']
    if (tpm !== undefined && node.tpmVersions?.includes(tpm) !== true)
      return `has no TPM ${tpm} for its machines, which the image asks for: install swtpm and swtpm-tools and restart libvirtd there`
    const version = one('img_hv_requested_version', 'hypervisor_version_requires')
    if (version === undefined || node.hypervisorVersion === undefined) return undefined
    return isSatisfied(node.hypervisorVersion, version)
      ? undefined
      : `has version ${node.hypervisorVersion} of the hypervisor, the image asks for ${version}`
  },
}

function toArchitecture(name: string): string {
  const lower = name.toLowerCase()
  return lower === 'x86-64' || lower === 'amd64' ? 'x86_64' : lower
}

/** QEMU emulates where it has no KVM, and can also where it has. */
function hypervisorsOf({ acceleration }: SharedFacts): string[] {
  return acceleration === 'kvm' ? ['kvm', 'qemu'] : ['qemu']
}

/** `>=6.0, <9`: all have to hold. What is no version and no operator holds nowhere. */
function isSatisfied(version: string, required: string): boolean {
  return required.split(',').every((part) => {
    const [, operator = '', wanted = ''] = /^\s*(<=|>=|==|!=|<|>)\s*([0-9]+(?:\.[0-9]+)*)\s*$/.exec(part) ?? []
    if (wanted === '') return false
    const order = compareVersions(version, wanted)
    switch (operator) {
      case '<':
        return order < 0
      case '<=':
        return order <= 0
      case '>':
        return order > 0
      case '>=':
        return order >= 0
      case '==':
        return order === 0
      default:
        return order !== 0
    }
  })
}
