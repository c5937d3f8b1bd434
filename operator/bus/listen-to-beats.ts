// SPDX-License-Identifier: Apache-2.0
import { Heartbeat, MAX_HEARTBEAT_BYTES } from '../../lib/contract/documents.ts'
import { ALL_BEATS, fromNodeToken } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { watchConnection, type NatsConnection } from '../../lib/nats/connect.ts'
import type { HeartbeatMonitor } from './heartbeats.ts'
import type { NodeLoads } from './node-loads.ts'
import type { NodeShares } from './node-shares.ts'

export interface BeatListeners {
  heartbeats: HeartbeatMonitor
  /** What a node beats beyond its share is not heard. */
  shares: NodeShares
  loads: NodeLoads | undefined
  log: Logger
  /** Ends it. */
  signal: AbortSignal
}

const TICK_MS = 1_000

/** Tells these what the nodes' heartbeats say, and the monitor how time goes by and whether there is a connection. */
export function listenToBeats(nc: NatsConnection, { heartbeats, shares, loads, log, signal }: BeatListeners): void {
  const subscription = nc.subscribe(ALL_BEATS, {
    callback: (error, message) => {
      if (error || message.data.length > MAX_HEARTBEAT_BYTES) return
      const node = nodeOfBeat(message.subject)
      const beat = parseBeat(message.data)
      if (node === undefined || !beat || !shares.beat(node)) return
      heartbeats.beat(node, beat.bootId)
      loads?.heard(node, beat.load)
    },
  })
  watchConnection(nc, log, signal, (isConnected) => heartbeats.connected(isConnected))
  const timer = setInterval(() => heartbeats.tick(), TICK_MS)
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    subscription.unsubscribe()
  })
}

function nodeOfBeat(subject: string): string | undefined {
  try {
    return fromNodeToken(subject.slice('beat.'.length))
  } catch {
    return undefined
  }
}

function parseBeat(data: Uint8Array): Heartbeat | undefined {
  try {
    return Heartbeat.safeParse(JSON.parse(Buffer.from(data).toString('utf8'))).data
  } catch {
    return undefined
  }
}
