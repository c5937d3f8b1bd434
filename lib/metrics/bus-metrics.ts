// SPDX-License-Identifier: Apache-2.0
import { Counter, Gauge, type Registry } from 'prom-client'
import type { FollowState } from '../nats/follow.ts'

/** Connections to the bus, and how far this process is behind with what it follows there. */
export class BusMetrics {
  readonly #connected: Gauge<'connection'>
  readonly #reconnects: Counter<'connection'>
  readonly #followed = new Map<string, FollowState>()

  constructor(registry: Registry) {
    this.#connected = new Gauge({
      name: 'nephele_bus_connected',
      help: '1 while the connection to the bus stands',
      labelNames: ['connection'],
      registers: [registry],
    })
    this.#reconnects = new Counter({
      name: 'nephele_bus_reconnects_total',
      help: 'How often a connection to the bus was made again after it was lost',
      labelNames: ['connection'],
      registers: [registry],
    })
    this.#followGauge(
      registry,
      'nephele_bus_pending_messages',
      'Messages of a bucket that the server had yet to send when it sent the last',
      (s) => s.pending,
    )
    this.#followGauge(
      registry,
      'nephele_bus_silence_seconds',
      'Since when nothing came of a bucket that is followed, not even a heartbeat of the server',
      (s) => {
        return (performance.now() - s.heardAtMs) / 1000
      },
    )
  }

  /** @returns to be called whenever the connection is lost or made again; until then it counts as lost */
  connection(connection: string): (isConnected: boolean) => void {
    let was: boolean | undefined
    this.#connected.set({ connection }, 0)
    this.#reconnects.inc({ connection }, 0)
    return (isConnected) => {
      this.#connected.set({ connection }, isConnected ? 1 : 0)
      if (isConnected && was === false) this.#reconnects.inc({ connection })
      was = isConnected
    }
  }

  /** What whoever follows the bucket keeps up to date. */
  follow(bucket: string): FollowState {
    const state = { pending: 0, heardAtMs: performance.now() }
    this.#followed.set(bucket, state)
    return state
  }

  /** Nothing is followed any longer: this process no longer leads. */
  unfollow(): void {
    this.#followed.clear()
  }

  #followGauge(registry: Registry, name: string, help: string, valueOf: (state: FollowState) => number): void {
    const followed = this.#followed
    new Gauge({
      name,
      help,
      labelNames: ['bucket'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [bucket, state] of followed) this.set({ bucket }, valueOf(state))
      },
    })
  }
}
