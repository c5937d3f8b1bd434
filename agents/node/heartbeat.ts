// SPDX-License-Identifier: Apache-2.0
import { CONTRACT_VERSION, type Heartbeat, type NodeLoad } from '../../lib/contract/documents.ts'
import { beatSubject } from '../../lib/contract/subjects.ts'
import type { Pace } from './pace.ts'

/** Until the cloud says otherwise (Cloud spec.heartbeat). */
export const DEFAULT_BEAT_MS = 10_000

export interface HeartbeatOptions {
  node: string
  bootId: string
  /** Does nothing while NATS is not reachable: a heartbeat is never sent late. */
  send: (subject: string, data: string) => void
  pace: Pace
  load: () => NodeLoad
}

/** Sends heartbeats until the signal aborts, the first one at once and one at each change of pace. Never rejects. */
export async function beatUntilStopped(
  { node, bootId, send, pace, load }: HeartbeatOptions,
  signal: AbortSignal,
): Promise<void> {
  const subject = beatSubject(node)
  for (let seq = 1; !signal.aborted; seq++) {
    send(subject, JSON.stringify({ v: CONTRACT_VERSION, bootId, seq, load: load() } satisfies Heartbeat))
    await pace.pause(signal)
  }
}
