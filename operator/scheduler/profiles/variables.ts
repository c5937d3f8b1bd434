// SPDX-License-Identifier: Apache-2.0
import { metadataOf } from '../nodes/aggregate.ts'
import type { NodeRow } from '../nodes/node-facts.ts'
import type { PlacementRequest } from '../filters/request.ts'
import type { Variables } from './expression.ts'

const int = (value: number) => BigInt(Math.floor(value))

/** What expressions of profiles know of a machine and a node: docs/scheduling.md lists it. Whole numbers are CEL's int. */
export function toVariables(node: NodeRow, request: PlacementRequest): Variables {
  const { amounts, flavor, project = '', uid, image = '', imageProperties = {}, availabilityZone = '' } = request
  return {
    instance: {
      ...{ namespace: project, uid, availabilityZone },
      ...{ vcpus: int(amounts.vcpus), memoryMiB: int(amounts.memoryMiB), diskGiB: int(amounts.diskGiB) },
    },
    flavor: { name: flavor?.name ?? '', extraSpecs: flavor?.extraSpecs ?? {} },
    image: { name: image, properties: imageProperties },
    node: {
      ...{ name: node.name, zone: node.zone ?? '', acceleration: node.acceleration ?? '' },
      ...{ hypervisorType: node.hypervisorType ?? '', hypervisorVersion: node.hypervisorVersion ?? '' },
      ...{ vcpus: int(node.vcpus), memoryMiB: int(node.memoryMiB), diskGiB: int(node.diskGiB) },
      freeVcpus: int(node.vcpus - node.usedVcpus),
      freeMemoryMiB: int(node.memoryMiB - node.usedMemoryMiB),
      freeDiskGiB: int(node.diskGiB - node.usedDiskGiB),
      ...{ instances: int(node.instances), ioOps: int(node.ioOps), failedBuilds: int(node.failedBuilds) },
    },
    aggregate: {
      names: (node.aggregates ?? []).map(({ name }) => name),
      metadata: Object.fromEntries([...metadataOf(node.aggregates)].map(([key, values]) => [key, [...values]])),
    },
  }
}
