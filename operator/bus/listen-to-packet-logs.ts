// SPDX-License-Identifier: Apache-2.0
import { MAX_PACKET_LOG_BYTES, PacketLog } from '../../lib/contract/packet-log.ts'
import { ALL_PACKET_LOGS, fromNodeToken } from '../../lib/contract/subjects.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import type { NodeShares } from './node-shares.ts'

export interface PacketLogListener {
  /** What a node sends beyond its share is not read. */
  shares: Pick<NodeShares, 'packetLog'>
  hear: (said: { node: string; log: PacketLog }) => void
  /** Ends it. */
  signal: AbortSignal
}

export function listenToPacketLogs(nc: NatsConnection, { shares, hear, signal }: PacketLogListener): void {
  const subscription = nc.subscribe(ALL_PACKET_LOGS, {
    callback: (error, { data, subject }) => {
      if (error || data.length > MAX_PACKET_LOG_BYTES) return
      const node = nodeOf(subject)
      if (node === undefined || !shares.packetLog(node)) return
      const log = parse(data)
      if (log) hear({ node, log })
    },
  })
  signal.addEventListener('abort', () => subscription.unsubscribe())
}

function nodeOf(subject: string): string | undefined {
  try {
    return fromNodeToken(subject.slice('packets.'.length))
  } catch {
    return undefined
  }
}

function parse(data: Uint8Array): PacketLog | undefined {
  try {
    return PacketLog.safeParse(JSON.parse(Buffer.from(data).toString('utf8'))).data
  } catch {
    return undefined
  }
}
