// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { fitsIn, type Amounts } from './nodes/amounts.ts'
import { GroupTable } from './groups/group-table.ts'
import type { Choice } from './decision.ts'
import { compareNodes, type NodeVerdict } from './compare-nodes.ts'
import { Decisions } from './decisions.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import { computeFilter } from './filters/compute.ts'
import { CAPABILITY_FILTERS, IMAGE_FILTERS, INTERFACE_FILTERS, ROOM_FILTERS } from './filters/all.ts'
import { DEFAULT_SETTINGS } from './filters/settings.ts'
import { findRefusal } from './filters/filter.ts'
import type { AllocationRatios, NodeFacts } from './nodes/node-facts.ts'
import { ImageTable } from './nodes/image-table.ts'
import { NodeTable } from './nodes/node-table.ts'
import type { NumaPlacement } from './numa/host-cells.ts'
import type { InterfaceRequest, PlacementRequest } from './filters/request.ts'

/** What one machine holds on each node: usually one entry, more while an earlier node has not released it. */
export type Claim = readonly ClaimOnNode[]

interface ClaimOnNode {
  node: string
  amounts: Amounts
  /** On which of the node's NUMA cells it is, where it asked for some. */
  numa?: NumaPlacement
  /** `namespace/name` of the ServerGroup that it counts in there. */
  group?: string
  /** The node is still building it. */
  isBuilding?: boolean
}

/** What may be tried with a fork. */
export type Trial = Pick<Scheduler, 'place' | 'forget' | 'findClaim' | 'compare'>

/**
 * The state behind placements: nodes and claims. A placement is assumed the moment it is chosen, before it is written, so that two
 * machines chosen in one tick cannot take the same room; the cache's view of the Instance confirms it, its removal forgets it.
 * All of it can be rebuilt from ComputeNodes and Instances: a rebuilt table equals the one kept up incrementally.
 */
export class Scheduler {
  readonly #table: NodeTable
  readonly #decisions: Decisions
  readonly #policy: Policy
  readonly #groups: GroupTable
  /** Which nodes have which image. */
  readonly images: ImageTable
  readonly #claims = new Map<string, Claim>()
  readonly #assumed = new Map<string, string>()

  constructor(options: { ratios?: AllocationRatios; policy?: Policy } = {}, from?: Scheduler) {
    this.#table = from ? from.#table.copy() : new NodeTable(options.ratios)
    this.#decisions = new Decisions(this.#table)
    this.images = from ? from.images.over(this.#table) : new ImageTable(this.#table)
    this.#groups = from ? from.#groups.copy() : new GroupTable()
    this.#policy = (from ? from.#policy : options.policy) ?? DEFAULT_POLICY
    for (const [uid, claim] of from ? from.#claims : []) this.#claims.set(uid, claim)
  }

  /** The same nodes and claims to try things with: what is placed there is placed nowhere. Takes time by their number, a few milliseconds. */
  fork(): Trial {
    return new Scheduler({}, this)
  }

  get nodes(): NodeTable {
    return this.#table
  }

  /** How often all nodes were looked at: machines that are equal share it. */
  get passes(): number {
    return this.#decisions.passes
  }

  /** @returns whether it says anything that it did not say before */
  putNode(facts: NodeFacts): boolean {
    return this.#table.put(facts)
  }

  /** Whether the node takes new machines at all: without it no filter passes. */
  isOpen(name: string): boolean {
    const row = this.#table.find(name)
    return row !== undefined && computeFilter.refuse(row, undefined) === undefined
  }

  removeNode(name: string): void {
    this.#table.remove(name)
  }

  /** Chooses and assumes in one step. The claim stands until `confirm` or `forget`. */
  place(request: PlacementRequest, policy = this.#policy): Choice {
    // A machine's second attempt must not compete with its own first.
    this.forget(request.uid)
    const choice = this.#decisions.choose(this.#resolve(request, policy), policy)
    if (choice.ok) {
      this.#replace(request.uid, [
        {
          ...{ node: choice.node, amounts: request.amounts, isBuilding: true },
          ...(choice.numa ? { numa: choice.numa } : {}),
          ...inGroup(request.group?.key),
        },
      ])
      this.#assumed.set(request.uid, choice.node)
    }
    return choice
  }

  /** How each node looks to the machine now: what it weighs, or all that it lacks. @param most of the nodes, the best first */
  compare(request: PlacementRequest, most: number, policy = this.#policy): NodeVerdict[] {
    return compareNodes(this.#table, this.#resolve(request, policy), policy, most)
  }

  /**
   * Changes a machine's claim on its current node. A closed node keeps its machines, and may grow them.
   * @returns why the node refuses; the old claim then stands
   */
  resize(node: string, request: PlacementRequest, policy = this.#policy): string | undefined {
    const before = this.#claims.get(request.uid) ?? []
    const others = before.filter((claim) => claim.node !== node)
    const own = before.find((claim) => claim.node === node)
    this.#replace(request.uid, others)
    const row = this.#table.find(node)
    const isSmaller = own !== undefined && fitsIn(request.amounts, own.amounts)
    const judged = isSmaller ? CAPABILITY_FILTERS : [...CAPABILITY_FILTERS, ...ROOM_FILTERS]
    const filters = policy.filters.filter((filter) => judged.includes(filter))
    const why = row === undefined ? 'is not known' : findRefusal(filters, row, request)
    this.#replace(request.uid, why === undefined ? [...others, { ...own, node, amounts: request.amounts }] : before)
    return why
  }

  /** Why a machine could not be on the node with the image that the request names; a closed node keeps its machines. */
  whyNoImage(node: string, request: PlacementRequest, policy = this.#policy): string | undefined {
    const row = this.#table.find(node)
    const filters = policy.filters.filter((filter) => IMAGE_FILTERS.includes(filter))
    return row === undefined ? 'is not known' : findRefusal(filters, row, this.#resolve(request, policy))
  }

  /**
   * Of a machine that a node refused, or, not failed, started.
   * @returns whether that is another number of refusals than before
   */
  recordBuild(node: string, { failed }: { failed: boolean }): boolean {
    return this.#table.recordBuild(node, failed)
  }

  /** Why the node cannot give a machine that it has an interface more; undefined when it can, or is not known. */
  whyNoInterface(node: string, request: InterfaceRequest): string | undefined {
    const row = this.#table.find(node)
    return row && findRefusal(INTERFACE_FILTERS, row, request)
  }

  /**
   * Takes over what the stored Instance says. An assumed placement survives an older view that has no node yet: its write
   * is still under way.
   */
  confirm(uid: string, stored: Claim): void {
    const assumed = this.#assumed.get(uid)
    if (assumed !== undefined && stored.length === 0) return
    this.#assumed.delete(uid)
    // Most often it is what was assumed, and no node changes.
    if (!isDeepStrictEqual(this.#claims.get(uid), stored)) this.#replace(uid, stored)
  }

  /** The machine is gone, or its placement could not be written. */
  forget(uid: string): void {
    this.#assumed.delete(uid)
    this.#replace(uid, [])
  }

  /** Of a ServerGroup. The map changes with the next claim: read it, never keep it. */
  membersOn = (group: string): ReadonlyMap<string, number> => this.#groups.membersOn(group)

  findClaim(uid: string): Claim | undefined {
    return this.#claims.get(uid)
  }

  /** With what depends on other machines' claims. */
  #resolve(request: PlacementRequest, { settings }: Policy): PlacementRequest {
    const { group, imageUid } = request
    const imageRows = imageUid === undefined ? undefined : this.images.rowsOf(imageUid)
    if (!group && !imageRows && settings === DEFAULT_SETTINGS) return request
    return {
      ...{ ...request, settings },
      ...(group ? { group: { ...group, membersOn: this.membersOn(group.key) } } : {}),
      ...(imageRows ? { imageRows } : {}),
    }
  }

  #replace(uid: string, claim: Claim): void {
    const before = this.#claims.get(uid) ?? []
    for (const one of before) {
      this.#table.removeUse(one.node, one)
      if (one.group !== undefined) this.#groups.remove(one.group, one.node)
    }
    for (const one of claim) {
      this.#table.addUse(one.node, one)
      if (one.group !== undefined) this.#groups.add(one.group, one.node)
    }
    // Not before: what is known of a node that is away for a moment stays with it while the same machine is there.
    for (const { node } of before) this.#table.dropUnused(node)
    if (claim.length === 0) this.#claims.delete(uid)
    else this.#claims.set(uid, claim)
  }
}

/** For a spread. */
export function inGroup(group: string | undefined): { group?: string } {
  return group === undefined ? {} : { group }
}
