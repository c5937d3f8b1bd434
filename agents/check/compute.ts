// SPDX-License-Identifier: Apache-2.0
// Of nodes with machines: nephele.dev/compute=libvirt.
import { LibvirtClient } from '../../lib/libvirt/client.ts'
import { readDomainCapabilities } from '../compute/drivers/libvirt/domain-capabilities.ts'
import { missing, ok, warning, type Finding } from './finding.ts'
import type { Host } from './host.ts'

export interface ComputeFacts {
  lacksPrograms: readonly string[]
  libvirt:
    | { version: string; qemu: string; firmware: readonly string[]; tpmVersions: readonly string[] }
    | { why: string; isModular: boolean }
  qemuConf: string | undefined
  credentials: { isRoots: boolean } | undefined
  kvm: { hasDevice: boolean; hasFlag: boolean }
  /** Undefined: the kernel has none. */
  appArmor: { guests: boolean; helper: boolean } | undefined
  libvirtGuests: string | undefined
  hasCgroups2: boolean
}

const SOCKET = '/run/libvirt/libvirt-sock'
const MODULAR_SOCKET = '/run/libvirt/virtqemud-sock'
const ASK_MS = 5_000
const QEMU_CONF = '/etc/libvirt/qemu.conf'
const CREDENTIALS = '/var/lib/nephele/pki/qemu'
const GUEST_RULES = [
  'etc/apparmor.d/abstractions/libvirt-qemu.d/nephele',
  'etc/apparmor.d/local/abstractions/libvirt-qemu',
] as const
const HELPER_RULES = 'etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper'

export async function readCompute(host: Host): Promise<ComputeFacts> {
  const credentials = await host.stat(CREDENTIALS)
  const hasRules = async (path: string): Promise<boolean> =>
    (await host.read(path))?.includes('/var/lib/nephele') ?? false
  const isOn = (await host.read('sys/module/apparmor/parameters/enabled'))?.startsWith('Y') ?? false
  const guests = (await Promise.all(GUEST_RULES.map(hasRules))).includes(true)
  return {
    lacksPrograms: await host.listMissing(['qemu-system-x86_64', 'qemu-img']),
    libvirt: await askLibvirt(host),
    qemuConf: await host.read(QEMU_CONF),
    credentials: credentials && { isRoots: credentials.uid === 0 },
    kvm: {
      hasDevice: (await host.stat('dev/kvm')) !== undefined,
      hasFlag: /^flags\s*:.*\b(vmx|svm)\b/m.test((await host.read('proc/cpuinfo')) ?? ''),
    },
    appArmor: isOn ? { guests, helper: await hasRules(HELPER_RULES) } : undefined,
    libvirtGuests: await host.read('etc/default/libvirt-guests'),
    hasCgroups2: (await host.stat('sys/fs/cgroup/cgroup.controllers')) !== undefined,
  }
}

async function askLibvirt(host: Host): Promise<ComputeFacts['libvirt']> {
  const client = new LibvirtClient({ socketPath: host.path(SOCKET), uri: 'qemu:///system' })
  const signal = AbortSignal.timeout(ASK_MS)
  try {
    const [library, hypervisor, capabilities] = await Promise.all([
      client.call('getLibVersion', undefined, signal),
      client.call('getVersion', undefined, signal),
      readDomainCapabilities(client, signal),
    ])
    return { version: toVersion(library.version), qemu: toVersion(hypervisor.version), ...capabilities }
  } catch (error) {
    const isModular = (await host.stat(MODULAR_SOCKET)) !== undefined
    return { why: error instanceof Error ? error.message : String(error), isModular }
  } finally {
    client.close()
  }
}

/** libvirt's numbers: a million for each major version, a thousand for each minor one. */
function toVersion(number: bigint): string {
  return [number / 1_000_000n, (number / 1000n) % 1000n, number % 1000n].join('.')
}

/** Pure. */
export function judgeCompute(facts: ComputeFacts): Finding[] {
  const { lacksPrograms, libvirt, kvm, appArmor, libvirtGuests, hasCgroups2 } = facts
  return [
    lacksPrograms.length > 0
      ? missing(`there is no ${lacksPrograms.join(' and no ')}`, 'apt-get install qemu-system-x86 qemu-utils')
      : ok('QEMU is installed'),
    ...judgeLibvirt(libvirt),
    ...judgeQemuConf(facts),
    judgeKvm(kvm),
    ...(appArmor ? judgeAppArmor(appArmor) : []),
    readSetting(libvirtGuests ?? '', 'ON_BOOT') === 'start'
      ? missing(
          'libvirt-guests starts machines at boot (ON_BOOT=start)',
          'write ON_BOOT=ignore into /etc/default/libvirt-guests: they may run elsewhere by then',
        )
      : ok('nothing but the agent starts machines at boot'),
    hasCgroups2
      ? ok('control groups are of version 2')
      : warning(
          'control groups are not of version 2',
          'boot with systemd.unified_cgroup_hierarchy=1: nothing else was tested',
        ),
  ]
}

function judgeLibvirt(libvirt: ComputeFacts['libvirt']): Finding[] {
  if ('why' in libvirt) {
    const help = libvirt.isModular
      ? 'only virtqemud answers: systemctl enable --now virtproxyd.socket, or libvirtd.socket instead of the modular daemons'
      : 'apt-get install libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients && systemctl enable --now libvirtd.socket virtlogd.socket'
    return [missing(`libvirtd does not answer at ${SOCKET} (${libvirt.why})`, help)]
  }
  return [
    ok(`libvirtd answers: libvirt ${libvirt.version}, QEMU ${libvirt.qemu}`),
    libvirt.firmware.includes('uefi')
      ? ok(`machines may begin with ${libvirt.firmware.join(', ')}`)
      : warning('machines cannot begin with UEFI firmware', 'apt-get install ovmf && systemctl restart libvirtd'),
    libvirt.tpmVersions.includes('2.0')
      ? ok('machines may have a TPM')
      : warning('machines cannot have a TPM', 'apt-get install swtpm swtpm-tools && systemctl restart libvirtd'),
  ]
}

function judgeQemuConf({ qemuConf = '', credentials }: ComputeFacts): Finding[] {
  const folder = readSetting(qemuConf, 'nbd_tls_x509_cert_dir')
  const user = readSetting(qemuConf, 'user')
  const make = 'install -d -m 711 /var/lib/nephele /var/lib/nephele/pki && install -d -m 750 /var/lib/nephele/pki/qemu'
  return [
    folder === CREDENTIALS
      ? ok('QEMU finds its certificates for volumes')
      : missing(
          `nbd_tls_x509_cert_dir is ${folder === undefined ? 'not set' : `"${folder}"`} in ${QEMU_CONF}`,
          `${make}, write nbd_tls_x509_cert_dir = "${CREDENTIALS}" there and restart libvirtd: machines have no volumes of other nodes otherwise`,
        ),
    !credentials
      ? missing(`${CREDENTIALS} is not there, and libvirtd may refuse its whole configuration`, make)
      : credentials.isRoots
        ? ok(`${CREDENTIALS} is root's`)
        : missing(`${CREDENTIALS} is not root's`, `chown root ${CREDENTIALS}`),
    user === 'root' || user === '+0'
      ? missing(
          'QEMU runs as root',
          `take user out of ${QEMU_CONF} and restart libvirtd: a guest that breaks out owns the node`,
        )
      : ok('QEMU does not run as root'),
    readSetting(qemuConf, 'dynamic_ownership') === '0'
      ? missing(
          'dynamic_ownership is off',
          `take it out of ${QEMU_CONF} and restart libvirtd: machines cannot open their disks`,
        )
      : ok('libvirt hands machines their disks'),
    readSetting(qemuConf, 'security_driver') === 'none'
      ? warning(
          'guests are not confined (security_driver = "none")',
          `take it out of ${QEMU_CONF} and restart libvirtd`,
        )
      : ok('libvirt chooses how guests are confined'),
  ]
}

function judgeKvm({ hasDevice, hasFlag }: ComputeFacts['kvm']): Finding {
  if (hasDevice) return ok('/dev/kvm is there')
  const help = hasFlag
    ? 'modprobe kvm_intel or kvm_amd; the kernel log says why it does not load'
    : 'switch on VT-x or AMD-V in the firmware or, in a machine of another hypervisor, nested virtualization there'
  return warning('there is no /dev/kvm: machines are emulated, ten times slower and more', help)
}

function judgeAppArmor({ guests, helper }: { guests: boolean; helper: boolean }): Finding[] {
  const help = 'docs/node-prerequisites.md, AppArmor, has the lines and where they belong'
  return [
    guests
      ? ok('AppArmor lets guests reach their files')
      : missing('AppArmor keeps guests from files in /var/lib/nephele', help),
    helper
      ? ok('virt-aa-helper may look at disks')
      : missing('AppArmor keeps virt-aa-helper from disks in /var/lib/nephele', help),
  ]
}

/** Of `name = "value"` and `NAME=value`; the last one holds. Pure. */
export function readSetting(text: string, name: string): string | undefined {
  const found = [...text.matchAll(/^[ \t]*([A-Za-z_0-9]+)[ \t]*=[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#]*))/gm)]
  const last = found.findLast(([, key]) => key === name)
  return last && (last[2] ?? last[3] ?? last[4])
}
