// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Turn } from './filters/filter.ts'
import { fitsIn } from './nodes/amounts.ts'
import type { Claim } from './scheduler.ts'

export interface ClaimTurns {
  /** By node, what became of the machine there. */
  nodes: ReadonlyMap<string, readonly Extract<Turn, 'freed' | 'taken' | 'built'>[]>
  /** ServerGroups that it is a member of on other nodes than before. */
  groups: readonly string[]
  /** It is on other nodes than before. */
  hasMoved: boolean
}

/** What other machines may have been waiting for when one claims this after that. Pure. */
export function claimTurns(before: Claim, after: Claim): ClaimTurns {
  const names = new Set([...before, ...after].map(({ node }) => node))
  const nodes = [...names].map((node) => [node, turnsOn(find(before, node), find(after, node))] as const)
  const membersIn = (claim: Claim) => claim.flatMap(({ node, group }) => (group === undefined ? [] : [{ group, node }]))
  const [left, come] = [membersIn(before), membersIn(after)]
  const moved = [...left.filter((one) => !has(come, one)), ...come.filter((one) => !has(left, one))]
  return {
    nodes: new Map(nodes.filter(([, turns]) => turns.length > 0)),
    groups: [...new Set(moved.map(({ group }) => group))],
    hasMoved: [...names].some((node) => !find(before, node) || !find(after, node)),
  }
}

type OnNode = Claim[number]

function turnsOn(before: OnNode | undefined, after: OnNode | undefined) {
  const isOnOthers = !isDeepStrictEqual(before?.numa, after?.numa)
  const isWithin = (a: OnNode, b: OnNode | undefined) => b !== undefined && !isOnOthers && fitsIn(a.amounts, b.amounts)
  const [wasBuilding, isBuilding] = [before?.isBuilding === true, after?.isBuilding === true]
  return [
    ...(before && !isWithin(before, after) ? (['freed'] as const) : []),
    ...(after && (!isWithin(after, before) || (isBuilding && !wasBuilding)) ? (['taken'] as const) : []),
    ...(wasBuilding && !isBuilding ? (['built'] as const) : []),
  ]
}

function find(claim: Claim, node: string): OnNode | undefined {
  return claim.find((one) => one.node === node)
}

function has(all: readonly { group: string; node: string }[], one: { group: string; node: string }): boolean {
  return all.some(({ group, node }) => group === one.group && node === one.node)
}
