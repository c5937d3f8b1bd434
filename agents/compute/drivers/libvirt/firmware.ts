// SPDX-License-Identifier: Apache-2.0
// What a machine begins with: https://libvirt.org/formatdomain.html#bios-bootloader
import { join } from 'node:path'
import { firmwareOf, hasBootMenu } from '../../../../lib/image-properties.ts'
import { instanceDir, type ComputePaths } from '../../paths.ts'
import { FIRST_DISKS, type InstanceWant } from '../../instance-driver.ts'
import type { XmlTree } from './xml-tree.ts'

export const ARCHITECTURE = 'x86_64'
/** Of the newest version that the host has. */
export const MACHINE = 'q35'

/** How long the menu waits for a key, in ms. */
const MENU_MS = 5000

/** A file for each: variables that were made without the keys of Secure Boot would switch it off. */
const VARIABLES = { uefi: 'uefi-variables.fd', 'secure-boot': 'uefi-secure-variables.fd' } as const

/**
 * Pure. With UEFI libvirt chooses the file by the descriptions that come with it (QEMU's docs/interop/firmware.json). Secure Boot has the keys
 * enrolled that signed what distributions and Windows begin with; without it the firmware starts anything. The variables lie with the
 * machine's disks: a machine that boots from another disk for a while, or is defined anew, finds them again, and they go with it.
 *
 * libvirt writes the version of the machine type into the definition. It is kept when the machine is defined anew: a guest whose host got a newer
 * QEMU meanwhile finds the hardware that it knows. @param former the machine type so far
 */
export function toOs(
  { uid, properties }: Pick<InstanceWant, 'uid' | 'properties'>,
  paths: ComputePaths,
  former?: string,
): XmlTree {
  const type = { '@arch': ARCHITECTURE, '@machine': former ?? MACHINE, '#': 'hvm' }
  const menu = hasBootMenu(properties) ? { bootmenu: { '@enable': 'yes', '@timeout': String(MENU_MS) } } : {}
  const smbios = { '@mode': 'sysinfo' }
  const firmware = firmwareOf(properties)
  if (firmware === 'bios') return { type, ...menu, smbios }
  const nvram = join(instanceDir(paths, uid), VARIABLES[firmware])
  const feature = (name: string, is: boolean): XmlTree => ({ '@enabled': is ? 'yes' : 'no', '@name': name })
  if (firmware === 'uefi')
    return { '@firmware': 'efi', type, firmware: { feature: feature('secure-boot', false) }, nvram, ...menu, smbios }
  const features = [feature('secure-boot', true), feature('enrolled-keys', true)]
  return {
    '@firmware': 'efi',
    type,
    firmware: { feature: features },
    loader: { '@secure': 'yes' },
    nvram,
    ...menu,
    smbios,
  }
}

/**
 * The machine type of a machine that is defined anew: its own for as long as it has the same root disk, whose system knows it. One that is rebuilt
 * gets the newest, as a new machine would; so does one whose type a newer QEMU has no more. Pure. @param former as it is defined
 */
export function keptMachineType(
  former: { machineType?: string; rootDisk?: number },
  { disks = FIRST_DISKS }: Pick<InstanceWant, 'disks'>,
): string | undefined {
  return former.rootDisk === disks.root ? former.machineType : undefined
}

/** Secure Boot's variables are written in system management mode alone, which the guest's system cannot enter. Pure. */
export function managementMode(properties: InstanceWant['properties']): XmlTree {
  return firmwareOf(properties) === 'secure-boot' ? { smm: { '@state': 'on' } } : {}
}
