// SPDX-License-Identifier: Apache-2.0
import type { ObservedDocument, ObservedNic } from '../../lib/contract/documents.ts'

/** A machine that a node says it has. */
export interface ObservedMachine {
  node: string
  uid: string
  /** `namespace/name` of its resource; unknown of an orphan. */
  name?: string
  /** No document of the node's asks for it. */
  isOrphan: boolean
}

/** One of its interfaces. */
export interface MachineNic extends ObservedMachine {
  nic: ObservedNic
}

/** Machines by the MACs and addresses of their interfaces, and orphans by their UID, as nodes' words say. */
export class MachineIndex {
  readonly #nics = new Map<string, MachineNic[]>()
  readonly #orphans = new Map<string, ObservedMachine[]>()

  replace(old: ObservedDocument | undefined, word: ObservedDocument | undefined): void {
    // Most words are of other kinds, or change nothing of this.
    for (const machine of old ? machinesOf(old) : []) this.#remove(machine)
    for (const machine of word ? machinesOf(word) : []) this.#add(machine)
  }

  listNics(macOrAddress: string): readonly MachineNic[] {
    return this.#nics.get(macOrAddress) ?? []
  }

  listOrphans(uid: string): readonly ObservedMachine[] {
    return this.#orphans.get(uid) ?? []
  }

  #add({ machine, nics }: Told): void {
    if (machine.isOrphan) push(this.#orphans, machine.uid, machine)
    for (const nic of nics) {
      const found = { ...machine, nic }
      for (const key of keysOf(nic)) push(this.#nics, key, found)
    }
  }

  #remove({ machine, nics }: Told): void {
    if (machine.isOrphan) drop(this.#orphans, machine.uid, machine)
    for (const nic of nics) for (const key of keysOf(nic)) drop(this.#nics, key, machine)
  }
}

interface Told {
  machine: ObservedMachine
  nics: readonly ObservedNic[]
}

function machinesOf({ kind, uid, node, state, facts, namespace = '', name }: ObservedDocument): Told[] {
  if (state === 'gone') return []
  if (kind === 'instance') {
    return [{ machine: { node, uid, name: `${namespace}/${name}`, isOrphan: false }, nics: facts.nics ?? [] }]
  }
  if (kind !== 'node') return []
  const machines = (facts.orphans ?? []).filter((orphan) => orphan.kind === 'instance')
  return machines.map((orphan) => ({ machine: { node, uid: orphan.uid, isOrphan: true }, nics: orphan.nics ?? [] }))
}

function keysOf({ mac, addresses = [] }: ObservedNic): Set<string> {
  return new Set([mac, ...addresses])
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

function drop<T extends ObservedMachine>(map: Map<string, T[]>, key: string, gone: ObservedMachine): void {
  const rest = (map.get(key) ?? []).filter((m) => !isSame(m, gone))
  if (rest.length === 0) map.delete(key)
  else map.set(key, rest)
}

function isSame(a: ObservedMachine, b: ObservedMachine): boolean {
  return a.node === b.node && a.uid === b.uid && a.isOrphan === b.isOrphan
}
