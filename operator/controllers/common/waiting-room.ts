// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../../lib/kube/object.ts'
import type { Turn } from '../../scheduler/filters/filter.ts'

/**
 * What a machine waits for.
 *
 * - `any`: whatever changes on nodes. For what may show anywhere, such as who else has its address.
 * - `here`: its own node, that it is in already: more room there, or something else that the node says of itself.
 * - `place`: a node. `turns` is what the filters that refuse one now may turn by; a node that says something new may always be the one.
 */
export type WaitsFor =
  | { for: 'any' }
  | { for: 'here'; node: string }
  | { for: 'place'; turns: ReadonlySet<Turn>; group?: string; named?: readonly ObjectKey[] }

const ANY: WaitsFor = { for: 'any' }

/**
 * The machines that wait for a node: for room, or for another machine to go. Only these are woken when something happens on nodes, and of these only those
 * whom it may help, so that what happens to one machine costs no run of each that waits. Those that wait longest are woken first. Rebuilt by each
 * machine's first run after a start.
 */
export class WaitingRoom {
  readonly #waits = new Map<ObjectKey, WaitsFor>()
  /** Keys by what wakes them: in the order in which they came. */
  readonly #bells = new Map<string, Set<ObjectKey>>()
  #wake: (key: ObjectKey) => void = () => undefined

  /** @returns a function that unsubscribes */
  onWake(wake: (key: ObjectKey) => void): () => void {
    this.#wake = wake
    return () => (this.#wake = () => undefined)
  }

  /** In place of what it waited for before. */
  enter(key: ObjectKey, waitsFor: WaitsFor = ANY): void {
    const before = bellsOf(this.#waits.get(key))
    const now = bellsOf(waitsFor)
    this.#waits.set(key, waitsFor)
    for (const bell of before) if (!now.has(bell)) this.#unhang(bell, key)
    for (const bell of now) if (!before.has(bell)) this.#hang(bell, key)
  }

  leave(key: ObjectKey): void {
    for (const bell of bellsOf(this.#waits.get(key))) this.#unhang(bell, key)
    this.#waits.delete(key)
  }

  /** For what nobody waits for by name, such as another profile. */
  wakeAll(): void {
    for (const key of this.#waits.keys()) this.#wake(key)
  }

  /** For when something became of any machine, or was found out about a node. */
  wakeUncertain(): void {
    this.#ring('any')
  }

  /** A node says something else of itself than before. @param isOpen whether it takes new machines now */
  nodeIsOther(node: string, isOpen: boolean): void {
    this.#ring(hereBell(node))
    if (isOpen) this.#ring('place')
  }

  /** Machines did that on a node. @param isOpen whether it takes new machines: one that does not helps nobody, and is another one when it does */
  turned(node: string, turns: readonly Turn[], isOpen: boolean): void {
    if (turns.includes('freed')) this.#ring(hereBell(node))
    if (isOpen) for (const turn of turns) this.#ring(turnBell(turn))
  }

  /** The ServerGroup has members on other nodes than before. */
  groupMoved(group: string): void {
    this.#ring(groupBell(group))
  }

  /** The machine is on other nodes than before. */
  machineMoved(machine: ObjectKey): void {
    this.#ring(nameBell(machine))
  }

  get size(): number {
    return this.#waits.size
  }

  #ring(bell: string): void {
    // Who is woken may come back into the room before the next is.
    for (const key of [...(this.#bells.get(bell) ?? [])]) this.#wake(key)
  }

  #hang(bell: string, key: ObjectKey): void {
    const keys = this.#bells.get(bell) ?? new Set()
    this.#bells.set(bell, keys.add(key))
  }

  #unhang(bell: string, key: ObjectKey): void {
    const keys = this.#bells.get(bell)
    keys?.delete(key)
    if (keys?.size === 0) this.#bells.delete(bell)
  }
}

const hereBell = (node: string) => `here ${node}`
const turnBell = (turn: Turn) => `turn ${turn}`
const groupBell = (group: string) => `group ${group}`
const nameBell = (machine: ObjectKey) => `name ${machine}`

function bellsOf(waitsFor: WaitsFor | undefined): ReadonlySet<string> {
  if (!waitsFor) return new Set()
  if (waitsFor.for === 'any') return new Set(['any'])
  if (waitsFor.for === 'here') return new Set([hereBell(waitsFor.node)])
  const { turns, group, named = [] } = waitsFor
  const onNodes = [...turns].filter((turn) => turn !== 'members' && turn !== 'named')
  return new Set([
    ...['place', ...onNodes.map(turnBell)],
    ...(turns.has('members') && group !== undefined ? [groupBell(group)] : []),
    ...(turns.has('named') ? named.map(nameBell) : []),
  ])
}
