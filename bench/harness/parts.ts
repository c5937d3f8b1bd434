// SPDX-License-Identifier: Apache-2.0
// Which processes of a local cloud belong to which part of it.
import { SERVICES, type ServiceName } from '../../local/node/node.ts'
import type { BenchCloud } from './bench-cloud.ts'

export interface PartProcess {
  part: string
  /** For a table: `kube-apiserver`, `compute-1 agent`. */
  name: string
  pid: number
}

/** The peer's fake computes have no hypervisor and no switch. */
const PART_OF: Partial<Record<ServiceName, string>> = {
  agent: 'agents',
  'ovn-nb': 'OVN central',
  'ovn-sb': 'OVN central',
  'ovn-northd': 'OVN central',
  'ovn-controller': 'ovn-controllers',
  virtlogd: 'libvirt',
  libvirtd: 'libvirt',
  ovsdb: 'OVS',
  'ovs-vswitchd': 'OVS',
}

export function listParts({ cloud }: BenchCloud): PartProcess[] {
  const services = Object.entries(cloud.state.processes).map(([name, { pid }]) => ({
    part: partOfProcess(name),
    name,
    pid,
  }))
  const daemons = Object.keys(cloud.state.nodes).flatMap((node) =>
    SERVICES.flatMap((service) => {
      const daemon = cloud.findDaemon(node, service)
      const part = PART_OF[service]
      return daemon && part !== undefined ? [{ part, name: `${node} ${service}`, pid: daemon.pid }] : []
    }),
  )
  return [...services, ...daemons]
}

function partOfProcess(name: string): string {
  if (name === 'operator') return 'operator'
  if (name === 'nats') return 'NATS'
  // Renews tokens as kubelets do and serves the example's image over HTTP: a stand-in for what a cluster has.
  if (name === 'caretaker') return 'local helper'
  return 'Kubernetes'
}
