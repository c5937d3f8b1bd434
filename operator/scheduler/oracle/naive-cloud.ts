// SPDX-License-Identifier: Apache-2.0
// What there is and who runs where, as plain lists: everything is counted anew whenever it is asked for.
import type { PlacementRequest } from '../filters/request.ts'
import type { NodeFacts } from '../nodes/node-facts.ts'
import type { NumaPlacement } from '../numa/host-cells.ts'
import type { Claim } from '../scheduler.ts'

/** A node with what is on it. */
export interface NaiveNode extends NodeFacts {
  used: { vcpus: number; memoryMiB: number; diskGiB: number }
  /** Kilobits a second and virtual functions, by `network/kind`. */
  usedOnNetworks: Record<string, number>
  machines: number
  building: number
  failedBuilds: number
  hasImage: boolean
  placements: NumaPlacement[]
  /** Members of each ServerGroup. */
  members: Record<string, number>
}

export class NaiveCloud {
  readonly facts = new Map<string, NodeFacts>()
  readonly claims = new Map<string, Claim>()
  readonly failedBuilds = new Map<string, number>()
  /** Nodes that have the one image that there is. */
  readonly withImage = new Set<string>()

  /** Of a node that is neither there nor has machines, nothing is remembered. */
  #isKnown(name: string): boolean {
    return this.facts.has(name) || [...this.claims.values()].some((claim) => claim.some(({ node }) => node === name))
  }

  forgetFailures(): void {
    for (const name of this.failedBuilds.keys()) if (!this.#isKnown(name)) this.failedBuilds.delete(name)
  }

  recordBuild(name: string, failed: boolean): void {
    if (this.#isKnown(name)) this.failedBuilds.set(name, failed ? (this.failedBuilds.get(name) ?? 0) + 1 : 0)
  }

  nodes(): NaiveNode[] {
    return [...this.facts.values()].map((facts) => this.#count(facts))
  }

  #count(facts: NodeFacts): NaiveNode {
    const node: NaiveNode = {
      ...facts,
      ...{ used: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, usedOnNetworks: {}, machines: 0, building: 0 },
      failedBuilds: this.failedBuilds.get(facts.name) ?? 0,
      hasImage: this.withImage.has(facts.name),
      ...{ placements: [], members: {} },
    }
    for (const one of [...this.claims.values()].flat().filter(({ node: on }) => on === facts.name)) {
      const { amounts, numa, group, isBuilding } = one
      node.used.vcpus += amounts.vcpus
      node.used.memoryMiB += amounts.memoryMiB + (facts.perMachineMiB ?? 0)
      node.used.diskGiB += amounts.diskGiB
      for (const [key, amount] of onNetworks(amounts))
        node.usedOnNetworks[key] = (node.usedOnNetworks[key] ?? 0) + amount
      node.machines++
      if (isBuilding === true) node.building++
      if (numa) node.placements.push(numa)
      if (group !== undefined) node.members[group] = (node.members[group] ?? 0) + 1
    }
    return node
  }
}

/** All that is claimed of physical networks. */
export function onNetworks({ bandwidth, pciDevices }: PlacementRequest['amounts']): [string, number][] {
  return [bandwidth ?? {}, pciDevices ?? {}].flatMap((networks) =>
    Object.entries(networks as unknown as Record<string, Record<string, number>>).flatMap(([network, kinds]) =>
      Object.entries(kinds).map(([kind, amount]): [string, number] => [`${network}/${kind}`, amount]),
    ),
  )
}
