// SPDX-License-Identifier: Apache-2.0
// Where a guest's CPUs and memory are: https://libvirt.org/formatdomain.html#cpu-tuning, #numa-node-tuning, #memory-backing
import { TerminalError } from '../../../../lib/errors.ts'
import { formatCpuList } from '../../../../lib/cpu-list.ts'
import type { HostCell } from '../../host-cells.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import type { XmlTree } from './xml-tree.ts'

/** CPUs of a NUMA cell of the host. */
export type CellCpus = Pick<HostCell, 'id' | 'sharedCpus' | 'dedicatedCpus'>

export interface NumaXml {
  /** CPUs that vCPUs run on that are pinned nowhere else; undefined: all. */
  cpuset: string | undefined
  /** Parts of the domain. */
  domain: XmlTree
  /** Parts of its <cpu>. */
  cpu: XmlTree
}

/**
 * Pure. @param host its cells; machines on no cell in particular run on all CPUs, but for those that machines get for themselves @throws TerminalError `DomainRefused`
 */
export function toNumaXml({ numa, nics }: Pick<InstanceWant, 'numa' | 'nics'>, host: readonly CellCpus[]): NumaXml {
  const isShared = nics.some(({ vnicType }) => vnicType === 'vhostuser')
  const sharedOf = (hostCell: number) => host.find(({ id }) => id === hostCell)?.sharedCpus ?? []
  const backing = toBacking(isShared, numa?.pageSizeKiB)
  if (!numa) {
    const isDivided = host.some(({ dedicatedCpus }) => dedicatedCpus.length > 0)
    const all = isDivided ? formatCpuList(host.flatMap(({ sharedCpus }) => sharedCpus)) : ''
    return { cpuset: all === '' ? undefined : all, domain: backing, cpu: {} }
  }
  const pins = numa.cells.flatMap(({ vcpus, cpus, hostCell }) => {
    const floating = formatCpuList(sharedOf(hostCell))
    if (!cpus && floating === '')
      throw new TerminalError('DomainRefused', `NUMA cell ${hostCell} of this node has no CPUs that machines share`)
    return vcpus.map((vcpu, i) => ({ vcpu, cpuset: cpus ? String(cpus[i]) : floating }))
  })
  const cpuset = formatCpuList(numa.cells.flatMap(({ cpus, hostCell }) => cpus ?? sharedOf(hostCell)))
  return {
    cpuset,
    domain: {
      ...backing,
      cputune: {
        vcpupin: pins
          .sort((a, b) => a.vcpu - b.vcpu)
          .map((pin) => ({ '@vcpu': String(pin.vcpu), '@cpuset': pin.cpuset })),
        emulatorpin: { '@cpuset': cpuset },
      },
      numatune: {
        memory: { '@mode': 'strict', '@nodeset': formatCpuList(numa.cells.map(({ hostCell }) => hostCell)) },
        memnode: numa.cells.map(({ hostCell }, i) => ({
          ...{ '@cellid': String(i), '@mode': 'strict', '@nodeset': String(hostCell) },
        })),
      },
    },
    cpu: {
      topology: topologyOf(numa.cells.map(({ vcpus }) => vcpus.length)),
      numa: {
        cell: numa.cells.map(({ vcpus, memoryMiB }, i) => ({
          ...{ '@id': String(i), '@cpus': formatCpuList(vcpus), '@memory': String(memoryMiB), '@unit': 'MiB' },
          ...(isShared ? { '@memAccess': 'shared' } : {}),
        })),
      },
    },
  }
}

/** Guests take sockets for what NUMA cells are made of: one for each, where these are alike. */
function topologyOf(vcpus: readonly number[]): XmlTree {
  const [first = 1] = vcpus
  const alike = vcpus.every((one) => one === first)
  const total = vcpus.reduce((sum, one) => sum + one, 0)
  const [sockets, cores] = alike ? [vcpus.length, first] : [total, 1]
  return { '@sockets': String(sockets), '@cores': String(cores), '@threads': '1' }
}

/** A memfd wants no mounted hugetlbfs. */
function toBacking(isShared: boolean, pageSizeKiB: number | undefined): XmlTree {
  if (!isShared && pageSizeKiB === undefined) return {}
  return {
    memoryBacking: {
      ...(pageSizeKiB === undefined ? {} : { hugepages: { page: { '@size': String(pageSizeKiB), '@unit': 'KiB' } } }),
      source: { '@type': 'memfd' },
      ...(isShared ? { access: { '@mode': 'shared' } } : {}),
    },
  }
}
