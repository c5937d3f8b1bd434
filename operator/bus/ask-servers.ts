// SPDX-License-Identifier: Apache-2.0
// https://docs.nats.io/running-a-nats-service/configuration/sys_accounts
import type { NatsConnection } from '@nats-io/transport-node'
import { z } from 'zod'

/** Each server of the cluster answers with its own; the last of them within this. */
const ANSWERS_MS = 1_000

/** Of a server, by which it alone is asked. */
export const ServerId = z.string().regex(/^N[A-Z2-7]{55}$/)

/**
 * @param nc as the user of the servers' own account
 * @param what `VARZ`, `CONNZ`
 * @returns the answers as `Answer` reads them; those that it does not are left out
 */
export async function* askServers<T>(
  nc: NatsConnection,
  what: string,
  question: object,
  Answer: z.ZodType<T>,
): AsyncGenerator<T> {
  const subject = `$SYS.REQ.SERVER.PING.${what}`
  const answers = await nc.requestMany(subject, JSON.stringify(question), { strategy: 'timer', maxWait: ANSWERS_MS })
  for await (const message of answers) {
    const answer = Answer.safeParse(JSON.parse(message.string()))
    if (answer.success) yield answer.data
  }
}
