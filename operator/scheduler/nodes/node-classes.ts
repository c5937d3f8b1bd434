// SPDX-License-Identifier: Apache-2.0
import type { NodeFacts, SharedFacts } from './node-facts.ts'

/** Of rows that have no node. */
export const NO_CLASS = 0

/** Nodes by what they have in common. A class has a small number for as long as a node is in it; then the number is given again. */
export class NodeClasses {
  readonly #byKey = new Map<string, number>()
  readonly #classes: { key: string; facts: SharedFacts; nodes: number }[] = [
    { key: '', facts: { up: false }, nodes: 1 },
  ]
  readonly #free: number[] = []
  #version = 0

  /** Another one each time that a number gets another class. */
  get version(): number {
    return this.#version
  }

  /** Another one with the same classes, by the same numbers. */
  copy(): NodeClasses {
    const copy = new NodeClasses()
    for (const [key, id] of this.#byKey) copy.#byKey.set(key, id)
    copy.#classes.splice(0, Infinity, ...this.#classes.map((one) => ({ ...one })))
    copy.#free.push(...this.#free)
    copy.#version = this.#version
    return copy
  }

  /** Numbers are below this one. */
  get size(): number {
    return this.#classes.length
  }

  /** Undefined: the number is not in use. */
  get(id: number): SharedFacts | undefined {
    const found = this.#classes[id]
    return found && found.nodes > 0 ? found.facts : undefined
  }

  /** The class of a node that comes into it. */
  enter(facts: NodeFacts): number {
    const shared = sharedOf(facts)
    const key = JSON.stringify(shared)
    const known = this.#byKey.get(key)
    const found = known === undefined ? undefined : this.#classes[known]
    if (known !== undefined && found) {
      found.nodes++
      return known
    }
    this.#version++
    const id = this.#free.pop() ?? this.#classes.length
    this.#classes[id] = { key, facts: shared, nodes: 1 }
    this.#byKey.set(key, id)
    return id
  }

  leave(id: number): void {
    const found = this.#classes[id]
    if (!found || id === NO_CLASS || --found.nodes > 0) return
    this.#byKey.delete(found.key)
    this.#free.push(id)
  }
}

/** Each field by name, so that nothing of a single node makes it a class of its own. */
export function sharedOf(facts: SharedFacts): SharedFacts {
  const { up, closed, hypervisor, zone, acceleration, hypervisorType, hypervisorVersion } = facts
  const { vhostUser = false, firmware = [], tpmVersions = [], physicalNetworks = [], aggregates = [] } = facts
  return {
    ...{ up, closed, hypervisor, zone, acceleration, vhostUser, physicalNetworks, aggregates },
    ...{ hypervisorType, hypervisorVersion, firmware, tpmVersions },
  }
}
