// SPDX-License-Identifier: Apache-2.0
// What the commands show of machines.
import { existsSync, readFileSync } from 'node:fs'
import { GROUP, VERSION } from '../../lib/api/kinds.ts'
import type { Cloud } from '../cloud/cloud.ts'
import { isRunning } from '../host/process.ts'
import { pathIn } from '../node/node.ts'
import { table } from './table.ts'

export interface InstanceView {
  metadata: { name: string; namespace: string; uid: string }
  spec: { networks?: { networkRef?: { name: string; namespace?: string } }[] }
  status?: {
    state?: string
    node?: string
    addresses?: { network?: string; ipAddress: string; port?: string }[]
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
  }
}

export async function listInstances(cloud: Cloud, namespace?: string): Promise<InstanceView[]> {
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`
  const path = `/apis/${GROUP}/${VERSION}${scope}/instances`
  return (await cloud.withApi((api) => api.request<{ items: InstanceView[] }>('GET', path))).items
}

/** @throws when there is none of that name, or it is on no node */
export async function getPlacedInstance(cloud: Cloud, namespace: string, name: string) {
  const instance = (await listInstances(cloud, namespace)).find((i) => i.metadata.name === name)
  if (!instance) throw new Error(`no Instance "${name}" in namespace "${namespace}"`)
  const node = instance.status?.node
  if (node === undefined)
    throw new Error(`Instance "${name}" is on no node yet: kubectl describe ninst -n ${namespace} ${name}`)
  return { instance, node }
}

/** A title, and one line a machine: name, state, node, addresses, and why it is not ready. */
export function instanceLines(instances: readonly InstanceView[]): string[] {
  const rows = instances.map((i) => [
    `${i.metadata.namespace}/${i.metadata.name}`,
    i.status?.state ?? '',
    i.status?.node ?? '',
    i.status?.addresses?.map((a) => a.ipAddress).join(',') ?? '',
    notReady(i),
  ])
  return table(['MACHINE', 'STATE', 'NODE', 'ADDRESSES', 'NOT READY'], rows)
}

function notReady(instance: InstanceView): string {
  const ready = instance.status?.conditions?.find((c) => c.type === 'Ready')
  return ready === undefined || ready.status === 'True' ? '' : `${ready.reason ?? ''}: ${ready.message ?? ''}`
}

/** The end of a machine's serial console, as its node keeps it; undefined when there is none. */
export function consoleTail(cloud: Cloud, instance: InstanceView, lines: number): string[] | undefined {
  const node = cloud.state.nodes[instance.status?.node ?? '']
  if (!node || !isRunning(node)) return undefined
  const file = pathIn(node, `/var/lib/nephele/console/${instance.metadata.uid}.log`)
  if (!existsSync(file)) return undefined
  // What a guest prints is untrusted: no control characters reach the terminal.
  const text = readFileSync(file, 'latin1')
    .replaceAll('\r', '')
    .replace(/[^\n\x20-\x7e]/g, '')
  return text.trimEnd().split('\n').slice(-lines)
}
