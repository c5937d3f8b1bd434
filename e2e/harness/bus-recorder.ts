// SPDX-License-Identifier: Apache-2.0
// Writes down everything that passes on the bus, in the order in which the server stored it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DeliverPolicy, jetstream, type ConsumerMessages } from '@nats-io/jetstream'
import {
  DESIRED_BUCKET,
  EVENTS_STREAM,
  OBSERVED_BUCKET,
  OPERATOR_INBOX,
  streamOf,
} from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { connectBus, type NatsConnection } from '../../lib/nats/connect.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { NATS_PORT } from '../../local/cloud/layout.ts'
import type { TestCloud } from './cloud.ts'

export interface Recorded {
  stream: string
  subject: string
  /** The server's clock, milliseconds since 1970, with fractions. */
  timeMs: number
  /** The document; undefined for a removed key. */
  value: Record<string, unknown> | undefined
}

export interface BusRecorder {
  readonly messages: readonly Recorded[]
  close(): Promise<void>
}

/** Everything may be read, and documents written, by the operator's user alone. The caller closes the connection. */
export function connectAsOperator({ cloud }: TestCloud, name: string): Promise<NatsConnection> {
  return connectBus({
    address: { servers: [`${addressesOf(cloud.state.subnet).host}:${NATS_PORT}`], caFile: cloud.layout.pki('ca.crt') },
    credentials: { seed: readFileSync(join(cloud.layout.natsKeys, 'operator.seed'), 'utf8').trim() },
    name,
    inboxPrefix: OPERATOR_INBOX,
    log: createLogger('e2e', 'silent'),
  })
}

export async function recordBus(test: TestCloud): Promise<BusRecorder> {
  const nc = await connectAsOperator(test, 'e2e-recorder')
  const messages: Recorded[] = []
  const open: ConsumerMessages[] = []
  for (const stream of [streamOf(DESIRED_BUCKET), streamOf(OBSERVED_BUCKET), EVENTS_STREAM]) {
    const consumer = await jetstream(nc).consumers.get(stream, { deliver_policy: DeliverPolicy.New })
    const batch = await consumer.consume()
    open.push(batch)
    void (async () => {
      for await (const message of batch) {
        const text = message.string()
        const value = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>)
        messages.push({ stream, subject: message.subject, timeMs: message.info.timestampNanos / 1e6, value })
      }
    })()
  }
  return {
    messages,
    close: async () => {
      for (const batch of open) batch.stop()
      await nc.close()
    },
  }
}
