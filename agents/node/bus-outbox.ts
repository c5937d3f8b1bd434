// SPDX-License-Identifier: Apache-2.0
import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import type { Outbox } from '../runtime/reporter.ts'

const PUBLISH_TIMEOUT_MS = 5_000

/** Reports over the bus, once there is a connection. */
export class BusOutbox implements Outbox {
  connected = false
  #publish: ((subject: string, data: string) => Promise<void>) | undefined

  attach(nc: NatsConnection): void {
    const js = jetstream(nc)
    this.#publish = async (subject, data) => {
      await js.publish(subject, data, { timeout: PUBLISH_TIMEOUT_MS })
    }
    this.connected = true
  }

  async publish(subject: string, data: string): Promise<void> {
    if (!this.#publish || !this.connected) throw new Error('NATS is away')
    await this.#publish(subject, data)
  }
}
