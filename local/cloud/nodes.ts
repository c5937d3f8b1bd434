// SPDX-License-Identifier: Apache-2.0
// From the cloud's definition and files to what startNode needs.
import { mkdir, readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fabricNet } from '../node/fabric.ts'
import type { NodeFilesOptions } from '../node/files.ts'
import type { NodeOptions } from '../node/node.ts'
import { addressesOf, defineNodes, DPDK_MEMORY_MIB, pmdCpuMask, servicesOf, type NodeDefinition } from './definition.ts'
import { AUTHORITY_IN_NODE, NODE_PROGRAM, REPOSITORY, TOKEN_DIR_IN_NODE, type Layout } from './layout.ts'
import { agentEnvironment } from './processes.ts'
import type { CloudState } from './state.ts'

/** @throws when the cloud has no such node, or no fabric yet */
export async function nodeOptions(layout: Layout, state: CloudState, name: string): Promise<NodeOptions> {
  const node = defineNodes(state).find((n) => n.name === name)
  if (!node) throw new Error(`no node "${name}" in this cloud`)
  if (!state.fabric) throw new Error('the network between the nodes is not up')
  const addresses = addressesOf(state.subnet)
  await mkdir(layout.nodeTokenDir(name), { recursive: true, mode: 0o700 })
  return {
    dir: layout.node(name),
    name,
    index: node.index,
    rootfs: state.rootfs,
    fabricNet: fabricNet(state.fabric),
    managementCidr: `${addresses.managementOf(node)}/24`,
    tunnelCidr: `${addresses.tunnelOf(node)}/24`,
    services: servicesOf(node),
    ...(node.dpdk ? { dpdk: { memoryMiB: DPDK_MEMORY_MIB, pmdCpuMask: pmdCpuMask(cpus().length) } } : {}),
    files: await filesOf(layout, state, node),
    binds: [
      { source: NODE_PROGRAM, target: '/opt/nephele/bin/node' },
      { source: join(REPOSITORY, 'dist'), target: '/opt/nephele/dist' },
      { source: layout.nodeTokenDir(name), target: TOKEN_DIR_IN_NODE },
      { source: layout.pki('ca.crt'), target: AUTHORITY_IN_NODE },
    ],
    endsWithUs: false,
  }
}

async function filesOf(
  layout: Layout,
  state: CloudState,
  node: NodeDefinition,
): Promise<Omit<NodeFilesOptions, 'name' | 'index'>> {
  const read = (name: string) => readFile(layout.pki(name), 'utf8')
  const files = { agentEnvironment: agentEnvironment(node, state.subnet) }
  if (!node.ovnCentral) return files
  const ovnCentral = {
    serverCertificate: await read('ovn-central.crt'),
    serverKey: await read('ovn-central.key'),
    // Every node has a certificate of the cloud's authority: the northbound database trusts one of its own instead.
    northboundClients: await read('northbound-ca.crt'),
    southboundClients: await read('ca.crt'),
  }
  return { ...files, ovnCentral }
}
