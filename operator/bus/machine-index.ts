// SPDX-License-Identifier: Apache-2.0
import type { ObservedDocument, ObservedNic } from '../../lib/contract/documents.ts'
import { isListed } from './listed.ts'

/** Of one node: as many as one report may name. */
const MOST_ORPHANS = 256

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

/** What is known under one key, by the machine it is said of: removing one costs the same however many others share the key. */
type ByMachine<T> = Map<string, Map<string, T[]>>

/** Machines by the MACs and addresses of their interfaces, and orphans by their UID, as nodes report them. */
export class MachineIndex {
  readonly #nics: ByMachine<MachineNic> = new Map()
  readonly #orphans: ByMachine<ObservedMachine> = new Map()
  /** The orphans of each node. Where its latest report could not list them, those of the report before. */
  readonly #orphansOf = new Map<string, readonly Told[]>()

  replace(old: ObservedDocument | undefined, report: ObservedDocument | undefined): void {
    // Most reports are of other kinds, or change nothing here.
    const { kind, node, uid } = report ?? old ?? {}
    if (kind === 'node') this.#replaceOrphans(`${node}/${uid}`, report)
    for (const machine of old ? machinesOf(old) : []) this.#remove(machine)
    for (const machine of report ? machinesOf(report) : []) this.#add(machine)
  }

  #replaceOrphans(key: string, report: ObservedDocument | undefined): void {
    const before = this.#orphansOf.get(key) ?? []
    const after = report ? orphansOf(report, before) : []
    for (const orphan of before) this.#remove(orphan)
    for (const orphan of after) this.#add(orphan)
    if (after.length > 0) this.#orphansOf.set(key, after)
    else this.#orphansOf.delete(key)
  }

  listNics(macOrAddress: string): readonly MachineNic[] {
    return listAll(this.#nics, macOrAddress)
  }

  listOrphans(uid: string): readonly ObservedMachine[] {
    return listAll(this.#orphans, uid)
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
  if (state === 'gone' || kind !== 'instance') return []
  return [{ machine: { node, uid, name: `${namespace}/${name}`, isOrphan: false }, nics: facts.nics ?? [] }]
}

/** From a node's report on itself, and as much as one report may name. */
function orphansOf(report: ObservedDocument, before: readonly Told[]): Told[] {
  if (report.state === 'gone') return []
  const { node, facts } = report
  const said = (facts.orphans ?? []).filter((orphan) => orphan.kind === 'instance')
  const told = said.map(({ uid, nics = [] }): Told => ({ machine: { node, uid, isOrphan: true }, nics }))
  if (isListed(report, 'instance')) return told
  const named = new Set(said.map(({ uid }) => uid))
  return [...told, ...before.filter(({ machine }) => !named.has(machine.uid))].slice(0, MOST_ORPHANS)
}

function keysOf({ mac, addresses = [] }: ObservedNic): Set<string> {
  return new Set([mac, ...addresses])
}

function push<T extends ObservedMachine>(map: ByMachine<T>, key: string, value: T): void {
  const found = map.get(key) ?? new Map<string, T[]>()
  map.set(key, found)
  const machine = keyOfMachine(value)
  const values = found.get(machine)
  if (values) values.push(value)
  else found.set(machine, [value])
}

function drop<T extends ObservedMachine>(map: ByMachine<T>, key: string, gone: ObservedMachine): void {
  const found = map.get(key)
  found?.delete(keyOfMachine(gone))
  if (found?.size === 0) map.delete(key)
}

function listAll<T>(map: ByMachine<T>, key: string): T[] {
  return [...(map.get(key)?.values() ?? [])].flat()
}

function keyOfMachine({ node, uid, isOrphan }: ObservedMachine): string {
  return `${node}/${uid}/${isOrphan}`
}
