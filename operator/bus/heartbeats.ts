// SPDX-License-Identifier: Apache-2.0
// Who is alive, and when silence says more about the bus than about nodes (invariant 4).
import type { BusHealth, Heartbeats, HeartbeatSettings, NodePulse, Unsubscribe } from './bus.ts'
import { Listeners } from './listeners.ts'

export const DEFAULT_HEARTBEAT: HeartbeatSettings = { intervalMs: 10_000, missesBeforeDown: 3 }

interface Pulse {
  lastMs: number
  /** By this process. */
  heard: boolean
  /** By this process or by an earlier leader: only who has beaten can fall silent. */
  known: boolean
  bootId?: string
  shown: NodePulse
}

/**
 * How many nodes may fall silent within one period before it is the bus that is at fault: a fifth of those that beat until then, and at
 * least one, since a single node's silence proves nothing about the bus.
 */
export function toleratedSilence(beating: number): number {
  return Math.max(1, Math.floor(beating / 5))
}

/** Pure but for the clock that is passed in (monotonic, in milliseconds). Call `tick` about once a second. */
export class HeartbeatMonitor implements Heartbeats {
  readonly #now: () => number
  #settings: HeartbeatSettings
  readonly #pulses = new Map<string, Pulse>()
  readonly #listeners = new Listeners<readonly string[]>()
  #connected = true
  #countsFrom: number
  #health: BusHealth = {
    healthy: true,
    silent: 0,
    expected: 0,
    neverHeard: 0,
    reason: 'Healthy',
    message: 'all nodes are heard',
  }

  constructor(settings: HeartbeatSettings = DEFAULT_HEARTBEAT, now: () => number = () => performance.now()) {
    this.#settings = settings
    this.#now = now
    this.#countsFrom = now()
  }

  configure(settings: HeartbeatSettings): void {
    const { intervalMs, missesBeforeDown } = this.#settings
    if (settings.intervalMs === intervalMs && settings.missesBeforeDown === missesBeforeDown) return
    this.#settings = settings
    // Nodes have yet to hear of the new settings: none is judged by a beat that was due under the old ones.
    this.#countsFrom = this.#now()
  }

  expect(nodes: Iterable<string>, before: ReadonlyMap<string, 'up' | 'silent'> = new Map()): void {
    for (const node of nodes) {
      if (this.#pulses.has(node)) continue
      const was = before.get(node)
      const shown = was === 'silent' ? 'silent' : 'unknown'
      this.#pulses.set(node, { lastMs: this.#now(), heard: false, known: was !== undefined, shown })
    }
  }

  forget(node: string): void {
    this.#pulses.delete(node)
  }

  beat(node: string, bootId: string): void {
    const pulse = this.#pulses.get(node)
    if (!pulse) return
    pulse.lastMs = this.#now()
    pulse.heard = true
    pulse.known = true
    const rebooted = pulse.bootId !== bootId
    pulse.bootId = bootId
    if (pulse.shown === 'up' && !rebooted) return
    pulse.shown = 'up'
    this.#listeners.emit([node])
  }

  /** Our own connection. After it comes back every node has its full time again. */
  connected(isConnected: boolean): void {
    if (isConnected && !this.#connected) {
      this.#countsFrom = this.#now()
    }
    this.#connected = isConnected
    this.tick()
  }

  tick(): void {
    const { intervalMs, missesBeforeDown } = this.#settings
    const limit = intervalMs * missesBeforeDown
    // Nodes silenced by one event cross the limit up to a period apart, just as their beats came: the first to cross must already be
    // judged together with the last.
    const suspicious = Math.max(limit - intervalMs, 1.5 * intervalMs)
    const now = this.#now()
    const ageOf = (p: Pulse) => now - Math.max(p.lastMs, this.#countsFrom)
    const suspects = [...this.#pulses].filter(([, p]) => ageOf(p) > suspicious)
    const health = this.#judge(suspects.map(([, p]) => p))
    const changed: string[] = []
    if (health.healthy) {
      for (const [node, pulse] of suspects) {
        if (pulse.shown === 'silent' || ageOf(pulse) <= limit) continue
        pulse.shown = 'silent'
        changed.push(node)
      }
    }
    const flipped = health.healthy !== this.#health.healthy
    this.#health = health
    if (changed.length > 0 || flipped) this.#listeners.emit(changed)
  }

  #judge(suspects: readonly Pulse[]): BusHealth {
    const expected = this.#pulses.size
    const silent = suspects.length
    const neverHeard = suspects.filter((p) => !p.known).length
    const counts = { silent, expected, neverHeard }
    if (!this.#connected) {
      return { ...counts, healthy: false, reason: 'Disconnected', message: 'the operator has no connection to NATS' }
    }
    // A node that never beat says nothing of the bus: its agent was not started yet, or never will be.
    const beating = [...this.#pulses.values()].filter((p) => p.known && p.shown !== 'silent').length
    const together = largestGroup(
      suspects.filter((p) => p.known && p.shown !== 'silent').map((p) => p.lastMs),
      this.#settings.intervalMs,
    )
    if (together > toleratedSilence(beating)) {
      const message = `${together} of ${beating} nodes fell silent within one heartbeat period: no node changes state until they are heard, or confirmed lost`
      return { ...counts, healthy: false, reason: 'ManyNodesSilent', message }
    }
    const never = neverHeard === 0 ? '' : `, ${neverHeard} were never heard: look at their agents`
    return {
      ...counts,
      healthy: true,
      reason: 'Healthy',
      message: `${expected - silent} of ${expected} nodes are heard${never}`,
    }
  }

  pulse(node: string): NodePulse {
    return this.#pulses.get(node)?.shown ?? 'unknown'
  }

  ageMs(node: string): number | undefined {
    const pulse = this.#pulses.get(node)
    return pulse?.heard ? this.#now() - pulse.lastMs : undefined
  }

  bootId(node: string): string | undefined {
    return this.#pulses.get(node)?.bootId
  }

  health(): BusHealth {
    return this.#health
  }

  onChange(listener: (nodes: readonly string[]) => void): Unsubscribe {
    return this.#listeners.add(listener)
  }
}

/** The most times that lie within one window of the given length. */
export function largestGroup(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  let first = 0
  let largest = 0
  for (const [index, time] of sorted.entries()) {
    while (time - (sorted[first] ?? time) > windowMs) first += 1
    largest = Math.max(largest, index - first + 1)
  }
  return largest
}
