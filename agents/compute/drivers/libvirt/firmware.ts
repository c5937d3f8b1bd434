// SPDX-License-Identifier: Apache-2.0
// What a machine begins with: https://libvirt.org/formatdomain.html#bios-bootloader
import { join } from 'node:path'
import { firmwareOf } from '../../../../lib/image-properties.ts'
import { instanceDir, type ComputePaths } from '../../paths.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import type { XmlTree } from './xml-tree.ts'

export const ARCHITECTURE = 'x86_64'
export const MACHINE = 'q35'

/** A file for each: variables that were made without the keys of Secure Boot would switch it off. */
const VARIABLES = { uefi: 'uefi-variables.fd', 'secure-boot': 'uefi-secure-variables.fd' } as const

/**
 * Pure. With UEFI libvirt chooses the file by the descriptions that come with it (QEMU's docs/interop/firmware.json). Secure Boot has the keys
 * enrolled that signed what distributions and Windows begin with; without it the firmware starts anything. The variables lie with the
 * machine's disks: a machine that boots from another disk for a while, or is defined anew, finds them again, and they go with it.
 */
export function toOs({ uid, properties }: Pick<InstanceWant, 'uid' | 'properties'>, paths: ComputePaths): XmlTree {
  const type = { '@arch': ARCHITECTURE, '@machine': MACHINE, '#': 'hvm' }
  const smbios = { '@mode': 'sysinfo' }
  const firmware = firmwareOf(properties)
  if (firmware === 'bios') return { type, smbios }
  const nvram = join(instanceDir(paths, uid), VARIABLES[firmware])
  const feature = (name: string, is: boolean): XmlTree => ({ '@enabled': is ? 'yes' : 'no', '@name': name })
  if (firmware === 'uefi')
    return { '@firmware': 'efi', type, firmware: { feature: feature('secure-boot', false) }, nvram, smbios }
  const features = [feature('secure-boot', true), feature('enrolled-keys', true)]
  return { '@firmware': 'efi', type, firmware: { feature: features }, loader: { '@secure': 'yes' }, nvram, smbios }
}

/** Secure Boot's variables are written in system management mode alone, which the guest's system cannot enter. Pure. */
export function managementMode(properties: InstanceWant['properties']): XmlTree {
  return firmwareOf(properties) === 'secure-boot' ? { smm: { '@state': 'on' } } : {}
}
