// SPDX-License-Identifier: Apache-2.0
// What machines can have on this host that not every host has: https://libvirt.org/formatdomaincaps.html
import type { Firmware } from '../../../../lib/image-properties.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import { ARCHITECTURE, MACHINE } from './firmware.ts'
import { parseXml, type XmlElement } from './xml-element.ts'

export interface DomainCapabilities {
  /** UEFI where a package such as Debian's `ovmf` is there. */
  firmware: Firmware[]
  /** Of the TPMs of `swtpm`, where it is there. */
  tpmVersions: string[]
}

export async function readDomainCapabilities(client: LibvirtCaller, signal: AbortSignal): Promise<DomainCapabilities> {
  const asked = { emulator: undefined, arch: ARCHITECTURE, machine: MACHINE, virtType: 'qemu', flags: 0 }
  const { xml } = await client.call('getDomainCapabilities', asked, signal)
  return toDomainCapabilities(xml)
}

/** Pure. */
export function toDomainCapabilities(xml: string): DomainCapabilities {
  const root = parseXml(xml)
  const isEfi = valuesOf([root], 'firmware').includes('efi')
  const isSecure = isEfi && valuesOf([...root.getElementsByTagName('loader')], 'secure').includes('yes')
  const tpm = [...root.getElementsByTagName('tpm')].filter((one) => one.getAttribute('supported') === 'yes')
  return {
    firmware: ['bios', ...(isEfi ? ['uefi' as const] : []), ...(isSecure ? ['secure-boot' as const] : [])],
    tpmVersions: valuesOf(tpm, 'backendModel').includes('emulator') ? valuesOf(tpm, 'backendVersion') : [],
  }
}

function valuesOf(within: readonly Pick<XmlElement, 'getElementsByTagName'>[], name: string): string[] {
  return within
    .flatMap((element) => [...element.getElementsByTagName('enum')])
    .filter((one) => one.getAttribute('name') === name)
    .flatMap((one) => [...one.getElementsByTagName('value')].map((value) => value.textContent ?? ''))
}
