// SPDX-License-Identifier: Apache-2.0
// Fake Instances and Ports in seven namespaces of a real apiserver: the size of real ones, and waiting for a Flavor and a Network that do
// not exist, so that they are at rest without a node.
import { FINALIZER, INSTANCE, NAMESPACE, PORT } from '../../lib/api/kinds.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import type { KubeClient } from '../../lib/kube/client.ts'

const NAMESPACES = 7
const AT_ONCE = 48
const TIME = '2026-01-01T00:00:00Z'
const WAITING = { Ready: 'False', Reconciling: 'True' } as const

export const namespaceOf = (i: number) => `population-${i % NAMESPACES}`
export const nameOf = (i: number) => `machine-${i}`

export async function makeNamespaces(client: KubeClient): Promise<void> {
  for (let i = 0; i < NAMESPACES; i++) await client.create(NAMESPACE, { metadata: { name: namespaceOf(i) } })
}

/** Numbers `from` to `to`, of both kinds. */
export async function populate(client: KubeClient, from: number, to: number): Promise<void> {
  let next = from
  const worker = async (): Promise<void> => {
    for (let i = next++; i < to; i = next++) {
      const at = { namespace: namespaceOf(i), name: nameOf(i), finalizers: [FINALIZER] }
      const instance = await client.create<Instance>(INSTANCE, {
        metadata: { ...at, labels: { 'app.kubernetes.io/part-of': 'shop' } },
        spec: {
          flavorRef: { name: 'absent' },
          imageRef: { name: 'debian-13' },
          networks: [{ networkRef: { name: 'default' } }],
        },
      })
      await client.updateStatus(INSTANCE, { ...instance, status: instanceStatus(i) })
      const port = await client.create<Port>(PORT, {
        metadata: at,
        spec: {
          networkRef: { name: 'absent' },
          macAddress: macOf(i),
          fixedIPs: [{ subnetRef: { name: 'default' }, ipAddress: addressOf(i) }],
        },
      })
      await client.updateStatus(PORT, { ...port, status: portStatus(i) })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

const addressOf = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
const hex = (value: number) => (value & 255).toString(16).padStart(2, '0')
const macOf = (i: number) => `fa:16:3e:00:${hex(i >> 8)}:${hex(i)}`

function conditions(types: readonly string[]) {
  return types.map((type) => ({
    type,
    status: WAITING[type as keyof typeof WAITING] ?? ('True' as const),
    reason: `${type}Done`,
    message: `${type} is as the spec wants it, or was when this was written`,
    observedGeneration: 1,
    lastTransitionTime: TIME,
  }))
}

function instanceStatus(i: number): NonNullable<Instance['status']> {
  return {
    observedGeneration: 1,
    state: 'BUILD',
    addresses: [{ network: 'default', ipAddress: addressOf(i), macAddress: macOf(i), port: `${nameOf(i)}-0-0a1b2c3d` }],
    scheduling: {
      node: `node-${i % 50}`,
      total: 50,
      evaluated: 50,
      filters: [{ name: 'RamFilter', refused: 3, example: 'node-3 has 100 of 2048 MiB of memory free' }],
    },
    conditions: conditions([
      'Admitted',
      'Scheduled',
      'ImageCached',
      'NetworkAttached',
      'VolumesAttached',
      'Booted',
      'Ready',
      'Reconciling',
    ]),
  }
}

function portStatus(i: number): NonNullable<Port['status']> {
  return {
    observedGeneration: 1,
    state: 'BUILD',
    macAddress: macOf(i),
    fixedIPs: [{ subnet: 'default', ipAddress: addressOf(i), prefixLength: 8 }],
    conditions: conditions(['Ready', 'Reconciling']),
  }
}

/** As the operator writes it when it places a machine without interfaces. */
export function placedStatus(name: string): NonNullable<Instance['status']> {
  const node = `fake-${name.length}`
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
    ...{ type, status, reason, message, observedGeneration: 1, lastTransitionTime: TIME },
  })
  return {
    observedGeneration: 1,
    state: 'BUILD',
    node,
    epoch: 1,
    flavor: { name: 'small', vcpus: 1, memoryMiB: 1024, rootDiskGiB: 10 },
    scheduling: { node, score: 2400, total: 1000, evaluated: 1000, filters: [] },
    interfaces: [],
    addresses: [],
    conditions: [
      condition('Admitted', 'True', 'Admitted', ''),
      condition('Scheduled', 'True', 'Scheduled', ''),
      condition('Ready', 'False', 'Building', `waiting for node ${node}`),
      condition('Reconciling', 'True', 'Building', `waiting for node ${node}`),
    ],
  }
}
