// SPDX-License-Identifier: Apache-2.0
// What a machine begins with: https://libvirt.org/formatdomain.html#bios-bootloader
import { join } from 'node:path'
import { firmwareOf, hasBootMenu } from '../../../../lib/image-properties.ts'
import { instanceDir, type ComputePaths } from '../../paths.ts'
import { FIRST_DISKS, type InstanceWant } from '../../instance-driver.ts'
import type { LiveDomain } from './live-xml.ts'
import type { XmlTree } from './xml-tree.ts'

export const ARCHITECTURE = 'x86_64'
/** Of the newest version that the host has. */
export const MACHINE = 'q35'

/** As it has been defined so far. */
type FormerMachine = Pick<LiveDomain, 'machineType' | 'rootDisk'>

/** How long the menu waits for a key, in ms. */
const MENU_MS = 5000

/** A file for each: variables that were made without the keys of Secure Boot would switch it off. */
const VARIABLES = { uefi: 'uefi-variables.fd', 'secure-boot': 'uefi-secure-variables.fd' } as const

/**
 * Pure. With UEFI libvirt chooses the file by the descriptions that come with it (QEMU's docs/interop/firmware.json). Secure Boot has the keys
 * enrolled that signed what distributions and Windows begin with; without it the firmware starts anything. The variables lie with the
 * machine's disks: a machine that boots from another disk for a while, or is defined anew, finds them again, and they go with it.
 */
export function toOs(
  want: Pick<InstanceWant, 'uid' | 'properties' | 'disks'>,
  paths: ComputePaths,
  former?: FormerMachine,
): XmlTree {
  const firmware = firmwareOf(want.properties)
  return {
    ...(firmware === 'bios' ? {} : { '@firmware': 'efi' }),
    type: { '@arch': ARCHITECTURE, '@machine': machineType(want, former), '#': 'hvm' },
    ...(firmware === 'bios' ? {} : efi(firmware, instanceDir(paths, want.uid))),
    ...(hasBootMenu(want.properties) ? { bootmenu: { '@enable': 'yes', '@timeout': String(MENU_MS) } } : {}),
    smbios: { '@mode': 'sysinfo' },
  }
}

function efi(firmware: keyof typeof VARIABLES, dir: string): XmlTree {
  const nvram = join(dir, VARIABLES[firmware])
  const feature = (name: string, is: boolean): XmlTree => ({ '@enabled': is ? 'yes' : 'no', '@name': name })
  if (firmware === 'uefi') return { firmware: { feature: feature('secure-boot', false) }, nvram }
  const features = [feature('secure-boot', true), feature('enrolled-keys', true)]
  return { firmware: { feature: features }, loader: { '@secure': 'yes' }, nvram }
}

/**
 * libvirt writes the version of the machine type into the definition. It is kept for as long as the machine has the same root disk: a guest whose
 * host got a newer QEMU meanwhile finds the hardware that it knows. One that is rebuilt gets the newest, as a new machine would.
 */
function machineType({ disks = FIRST_DISKS }: Pick<InstanceWant, 'disks'>, former?: FormerMachine): string {
  const kept = former?.rootDisk === disks.root ? former.machineType : undefined
  return kept ?? MACHINE
}

/** Secure Boot's variables are written in system management mode alone, which the guest's system cannot enter. Pure. */
export function managementMode(properties: InstanceWant['properties']): XmlTree {
  return firmwareOf(properties) === 'secure-boot' ? { smm: { '@state': 'on' } } : {}
}
