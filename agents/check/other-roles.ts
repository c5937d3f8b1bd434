// SPDX-License-Identifier: Apache-2.0
// Of what only some nodes are for.
import { missing, ok, warning, type Finding } from './finding.ts'
import type { Host } from './host.ts'

/** nephele.dev/storage=true. */
export async function checkStorage(host: Host): Promise<Finding[]> {
  const lacks = await host.listMissing(['qemu-storage-daemon', 'qemu-img'])
  return [
    lacks.length > 0
      ? missing(`there is no ${lacks.join(' and no ')}`, 'apt-get install qemu-system-x86 qemu-utils')
      : ok('volumes can be served'),
  ]
}

/** nephele.dev/network=gateway, for HTTP listeners of LoadBalancers and for VPNs. */
export async function checkGateway(host: Host): Promise<Finding[]> {
  const lacks = await host.listMissing(['haproxy', 'keepalived'])
  const lacksVpn = await host.listMissing(['charon-systemd'])
  const tun = await host.stat('dev/net/tun')
  return [
    lacks.length > 0
      ? warning(`there is no ${lacks.join(' and no ')}: no HTTP listeners here`, `apt-get install ${lacks.join(' ')}`)
      : ok('HTTP listeners can be served'),
    lacksVpn.length > 0
      ? warning('there is no charon-systemd: no VPNs here', 'apt-get install charon-systemd libcharon-extra-plugins')
      : tun && (tun.mode & 0o006) !== 0o006
        ? warning('/dev/net/tun is not open to all: no VPNs here', 'chmod 666 /dev/net/tun, as udev has it')
        : ok('VPNs can end here'),
  ]
}

/** Ports that share memory with the switch. */
export async function checkDpdk(host: Host): Promise<Finding[]> {
  const total = Number(/^HugePages_Total:\s*(\d+)/m.exec((await host.read('proc/meminfo')) ?? '')?.[1] ?? 0)
  const groups = await host.list('sys/kernel/iommu_groups')
  return [
    total > 0
      ? ok(`the kernel keeps ${total} hugepages of the usual size`)
      : missing('the kernel keeps no hugepages', 'docs/dpdk.md: hugepages on the kernel’s command line'),
    groups.length > 0
      ? ok('the IOMMU is on')
      : warning(
          'the IOMMU is off',
          'intel_iommu=on iommu=pt on the kernel’s command line, for network cards that DPDK drives by vfio-pci',
        ),
  ]
}
