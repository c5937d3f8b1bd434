// SPDX-License-Identifier: Apache-2.0
// A machine as libvirt's domain XML: https://libvirt.org/formatdomain.html
import { TerminalError } from '../../../../lib/errors.ts'
import { findUnsupported, hasAgentChannel } from '../../../../lib/image-properties.ts'
import { EMULATED_CODE_MIB } from '../../../../lib/node-room.ts'
import { consoleLog, type ComputePaths } from '../../paths.ts'
import { toMarkedNic } from '../marked-nic.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { domainName, domainUuid } from './domain-name.ts'
import { managementMode, toOs } from './firmware.ts'
import { clock, hyperV, inputs, screen, tpm, usbController, watchdog } from './guest-devices.ts'
import type { LiveDomain } from './live-xml.ts'
import { diskControllers, toDisks } from './machine-disks.ts'
import { markTree, METADATA_NAMESPACE, METADATA_PREFIX } from './metadata.ts'
import { toInterface } from './nic-xml.ts'
import { toNumaXml, type CellCpus } from './numa-xml.ts'
import { countPciPorts } from './pci-ports.ts'
import { writeXml, type XmlTree } from './xml-tree.ts'

export interface DomainContext {
  acceleration: 'kvm' | 'qemu'
  paths: ComputePaths
  /** Of the switch that the taps are attached to; absent: not known, treated like userspace. */
  datapath?: 'system' | 'netdev' | undefined
  /** Of the host; absent: not known, and no machine can be put on one. */
  cells?: readonly CellCpus[] | undefined
  /** Of its definition so far, what it keeps when it is defined anew. */
  former?: Pick<LiveDomain, 'machineType' | 'rootDisk' | 'tpmModel'> | undefined
}

/** Pure: the same machine gives the same text. @throws TerminalError when libvirt cannot provide this machine */
export function toDomainXml(want: InstanceWant, context: DomainContext): string {
  const { acceleration } = context
  const unsupported = findUnsupported(want.properties)
  if (unsupported !== undefined) throw new TerminalError('UnsupportedProperty', unsupported)
  const numa = toNumaXml(want, context.cells ?? [])
  const domain = {
    '@type': acceleration,
    name: domainName(want.uid),
    uuid: domainUuid(want.uid),
    title: `${want.namespace}/${want.name}`.replaceAll(/[\r\n]/g, ' '),
    metadata: {
      [`${METADATA_PREFIX}:instance`]: {
        [`@xmlns:${METADATA_PREFIX}`]: METADATA_NAMESPACE,
        ...markTree({ ...want, nics: want.nics.map(toMarkedNic) }, `${METADATA_PREFIX}:`),
      },
    },
    memory: { '@unit': 'MiB', '#': String(want.memoryMiB) },
    ...numa.domain,
    vcpu: {
      '@placement': 'static',
      ...(numa.cpuset === undefined ? {} : { '@cpuset': numa.cpuset }),
      '#': String(want.vcpus),
    },
    sysinfo: sysinfo(want),
    os: toOs(want, context.paths, context.former),
    features: features(want.properties, acceleration),
    cpu: { ...cpu(acceleration), ...numa.cpu },
    clock: clock(want.properties, acceleration),
    // A sleeping guest would not hear anything, and nobody would wake it: ACPI sleep states are not offered.
    pm: { 'suspend-to-mem': { '@enabled': 'no' }, 'suspend-to-disk': { '@enabled': 'no' } },
    on_poweroff: 'destroy',
    on_reboot: 'restart',
    on_crash: 'destroy',
    devices: devices(want, context),
  }
  return writeXml({ domain }, true)
}

/** Lets cloud-init detect OpenStack's metadata by the chassis asset tag (ds-identify's DMI_CHASSIS_ASSET_TAG). */
function sysinfo(want: InstanceWant): XmlTree {
  const entry = (name: string, text: string): XmlTree => ({ '@name': name, '#': text })
  return {
    '@type': 'smbios',
    system: {
      entry: [
        entry('manufacturer', 'Nephele'),
        entry('product', 'Nephele Instance'),
        entry('serial', domainUuid(want.uid)),
        entry('uuid', domainUuid(want.uid)),
        entry('family', 'Virtual Machine'),
      ],
    },
    chassis: { entry: [entry('asset', 'OpenStack Compute')] },
  }
}

function features(properties: InstanceWant['properties'], acceleration: 'kvm' | 'qemu'): XmlTree {
  const ofHypervisor = acceleration === 'qemu' ? codeBuffer() : hyperV(properties, acceleration)
  return { acpi: {}, apic: {}, ...managementMode(properties), ...ofHypervisor }
}

/** Limits QEMU's translation cache. Its default is 1 GiB or an eighth of the host's memory, which no capacity calculation includes. */
function codeBuffer(): XmlTree {
  return { tcg: { 'tb-cache': { '@unit': 'MiB', '#': String(EMULATED_CODE_MIB) } } }
}

/** Under emulation: the newest CPU model that costs no speed and still runs distributions built for x86-64-v2. */
function cpu(acceleration: 'kvm' | 'qemu'): XmlTree {
  if (acceleration === 'kvm') return { '@mode': 'host-model', '@check': 'partial' }
  return { '@mode': 'custom', '@match': 'exact', '@check': 'none', model: { '@fallback': 'allow', '#': 'Nehalem' } }
}

function devices(want: InstanceWant, context: DomainContext): XmlTree {
  const { paths } = context
  const disks = toDisks(want, paths)
  const rootPorts = countPciPorts(want.nics, want.rescue !== undefined)
  return {
    controller: [
      { '@type': 'pci', '@index': '0', '@model': 'pcie-root' },
      ...Array.from({ length: rootPorts }, (_, i) => ({
        '@type': 'pci',
        '@index': String(i + 1),
        '@model': 'pcie-root-port',
      })),
      usbController(want.properties),
      { '@type': 'virtio-serial', '@index': '0' },
      ...diskControllers(want.properties),
    ],
    disk: disks,
    interface: want.nics.map((nic) => toInterface(nic, { ...context, guest: want })),
    // virtlogd writes the log and keeps it bounded, whether or not anybody reads the console.
    serial: {
      '@type': 'pty',
      log: { '@file': consoleLog(paths, want.uid), '@append': 'on' },
      target: { '@type': 'isa-serial', '@port': '0' },
    },
    console: { '@type': 'pty', target: { '@type': 'serial', '@port': '0' } },
    ...guestAgent(want.properties),
    ...tpm(want.properties, context.former?.tpmModel),
    ...screen(want.properties),
    ...inputs(want.properties),
    ...watchdog(want.properties),
    rng: { '@model': 'virtio', backend: { '@model': 'random', '#': '/dev/urandom' } },
    memballoon: { '@model': 'virtio', stats: { '@period': '10' } },
  }
}

function guestAgent(properties: InstanceWant['properties']): XmlTree {
  if (!hasAgentChannel(properties)) return {}
  return { channel: { '@type': 'unix', target: { '@type': 'virtio', '@name': 'org.qemu.guest_agent.0' } } }
}
