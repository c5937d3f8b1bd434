// SPDX-License-Identifier: Apache-2.0
// What a machine begins with: https://libvirt.org/formatdomain.html#bios-bootloader
import { join } from 'node:path'
import { isUefi, type Firmware } from '../../../../lib/image-properties.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import { instanceDir, type ComputePaths } from '../../paths.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { parseXml } from './xml-element.ts'
import type { XmlTree } from './xml-tree.ts'

const ARCHITECTURE = 'x86_64'
const MACHINE = 'q35'

/**
 * Pure. With UEFI libvirt chooses the file by the descriptions that come with it (QEMU's docs/interop/firmware.json), without Secure Boot: it would
 * refuse the boot loaders of images that do not ask for it. The variables lie with the machine's disks: a machine that boots from another disk for a while,
 * or is defined anew, finds them again, and they go with it.
 */
export function toOs({ uid, properties }: Pick<InstanceWant, 'uid' | 'properties'>, paths: ComputePaths): XmlTree {
  const type = { '@arch': ARCHITECTURE, '@machine': MACHINE, '#': 'hvm' }
  const smbios = { '@mode': 'sysinfo' }
  if (!isUefi(properties)) return { type, smbios }
  return {
    '@firmware': 'efi',
    type,
    firmware: { feature: { '@enabled': 'no', '@name': 'secure-boot' } },
    nvram: join(instanceDir(paths, uid), 'uefi-variables.fd'),
    smbios,
  }
}

/** Which firmware machines can begin with on this host: UEFI where a package such as Debian's `ovmf` is there. */
export async function readFirmware(client: LibvirtCaller, signal: AbortSignal): Promise<Firmware[]> {
  const asked = { emulator: undefined, arch: ARCHITECTURE, machine: MACHINE, virtType: 'qemu', flags: 0 }
  const { xml } = await client.call('getDomainCapabilities', asked, signal)
  return findFirmware(xml)
}

/** @param xml https://libvirt.org/formatdomaincaps.html */
export function findFirmware(xml: string): Firmware[] {
  const enums = [...parseXml(xml).getElementsByTagName('enum')]
  const values = enums
    .filter((one) => one.getAttribute('name') === 'firmware')
    .flatMap((one) => [...one.getElementsByTagName('value')].map((value) => value.textContent))
  return values.includes('efi') ? ['bios', 'uefi'] : ['bios']
}
