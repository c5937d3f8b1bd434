// SPDX-License-Identifier: Apache-2.0
import { metadataOf, type Aggregate } from '../nodes/aggregate.ts'
import type { NodeRow, SharedFacts } from '../nodes/node-facts.ts'
import type { PlacementRequest } from '../filters/request.ts'
import {
  AggregateVariables,
  FlavorVariables,
  ImageVariables,
  InstanceVariables,
  NodeVariables,
  type Variables,
} from './variable-types.ts'

const int = (value: number) => BigInt(Math.floor(value))

/** What a request says, once for all nodes; what a node says, once until it changes; what aggregates say, once for all nodes that are in them. */
const ofRequests = new WeakMap<PlacementRequest, Pick<Variables, 'instance' | 'flavor' | 'image'>>()
const ofNodes = new WeakMap<NodeRow, { revision: number; node: NodeVariables }>()
const ofClasses = new WeakMap<SharedFacts, NodeVariables>()
const NO_AMOUNTS = {
  ...{ vcpus: 0n, memoryMiB: 0n, diskGiB: 0n, freeVcpus: 0n, freeMemoryMiB: 0n, freeDiskGiB: 0n },
  ...{ instances: 0n, ioOps: 0n, failedBuilds: 0n },
}
const ofAggregates = new WeakMap<readonly Aggregate[], AggregateVariables>()
const NONE: readonly Aggregate[] = []

/** What expressions of profiles know of a machine and a node: docs/scheduling.md lists it. Whole numbers are CEL's int. */
export function toVariables(node: NodeRow, request: PlacementRequest): Variables {
  const { instance, flavor, image } = ofRequest(request)
  return { instance, flavor, image, node: ofNode(node), aggregate: ofAggregate(node.aggregates ?? NONE) }
}

/** The same of a class of nodes, where an expression reads no more of them. */
export function toClassVariables(facts: SharedFacts, request: PlacementRequest): Variables {
  const { instance, flavor, image } = ofRequest(request)
  return { instance, flavor, image, node: ofClass(facts), aggregate: ofAggregate(facts.aggregates ?? NONE) }
}

function ofRequest(request: PlacementRequest): Pick<Variables, 'instance' | 'flavor' | 'image'> {
  const known = ofRequests.get(request)
  if (known) return known
  const { amounts, flavor, project = '', uid, image = '', imageProperties = {}, availabilityZone = '' } = request
  const made = {
    instance: new InstanceVariables({
      ...{ namespace: project, uid, availabilityZone },
      ...{ vcpus: int(amounts.vcpus), memoryMiB: int(amounts.memoryMiB), diskGiB: int(amounts.diskGiB) },
    }),
    flavor: new FlavorVariables({ name: flavor?.name ?? '', extraSpecs: flavor?.extraSpecs ?? {} }),
    image: new ImageVariables({ name: image, properties: imageProperties }),
  }
  ofRequests.set(request, made)
  return made
}

function ofClass(facts: SharedFacts): NodeVariables {
  const known = ofClasses.get(facts)
  if (known) return known
  const node = new NodeVariables({ name: '', ...sharedOf(facts), ...NO_AMOUNTS })
  ofClasses.set(facts, node)
  return node
}

function sharedOf({ zone = '', acceleration = '', hypervisorType = '', hypervisorVersion = '' }: SharedFacts) {
  return { zone, acceleration, hypervisorType, hypervisorVersion }
}

function ofNode(row: NodeRow): NodeVariables {
  const known = ofNodes.get(row)
  if (known?.revision === row.revision) return known.node
  const node = new NodeVariables({
    ...{ name: row.name, ...sharedOf(row) },
    ...{ vcpus: int(row.vcpus), memoryMiB: int(row.memoryMiB), diskGiB: int(row.diskGiB) },
    freeVcpus: int(row.vcpus - row.usedVcpus),
    freeMemoryMiB: int(row.memoryMiB - row.usedMemoryMiB),
    freeDiskGiB: int(row.diskGiB - row.usedDiskGiB),
    ...{ instances: int(row.instances), ioOps: int(row.ioOps), failedBuilds: int(row.failedBuilds) },
  })
  ofNodes.set(row, { revision: row.revision, node })
  return node
}

function ofAggregate(aggregates: readonly Aggregate[]): AggregateVariables {
  const known = ofAggregates.get(aggregates)
  if (known) return known
  const made = new AggregateVariables({
    names: aggregates.map(({ name }) => name),
    metadata: Object.fromEntries([...metadataOf(aggregates)].map(([key, values]) => [key, [...values]])),
  })
  ofAggregates.set(aggregates, made)
  return made
}
