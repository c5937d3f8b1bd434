// SPDX-License-Identifier: Apache-2.0
// Ends what a node has open on the bus: its token may be refused from now on, but a session stands until its own time is over.
// https://docs.nats.io/running-a-nats-service/configuration/sys_accounts
import type { NatsConnection } from '@nats-io/transport-node'
import { z } from 'zod'
import type { Logger } from '../../lib/log.ts'
import { NODES_ACCOUNT } from '../../lib/nats/server-config.ts'
import { agentName } from '../auth/authorize.ts'

/** Each server of the cluster answers with its own; the last of them within this. */
const ANSWERS_MS = 1_000
const LIMIT = 64

const Answer = z.object({
  server: z.object({ id: z.string().regex(/^N[A-Z2-7]{55}$/) }),
  data: z.object({
    connections: z.array(z.object({ cid: z.int(), authorized_user: z.string().optional() })).optional(),
  }),
})

export interface Sessions {
  /** @returns how many ended. May run any number of times; rejects when the bus does not answer */
  end(node: string): Promise<number>
}

/** @param nc as the user of the servers' own account */
export function systemSessions(nc: NatsConnection, log: Logger): Sessions {
  return {
    async end(node) {
      const user = agentName(node)
      const question = { auth: true, acc: NODES_ACCOUNT, user, limit: LIMIT }
      const answers = await nc.requestMany('$SYS.REQ.SERVER.PING.CONNZ', JSON.stringify(question), {
        strategy: 'timer',
        maxWait: ANSWERS_MS,
      })
      let ended = 0
      for await (const message of answers) {
        const answer = Answer.safeParse(JSON.parse(message.string())).data
        for (const { cid, authorized_user } of answer?.data.connections ?? []) {
          if (!answer || authorized_user !== user) continue
          await nc.request(`$SYS.REQ.SERVER.${answer.server.id}.KICK`, JSON.stringify({ cid }), { timeout: 2_000 })
          ended += 1
        }
      }
      if (ended > 0) log.warn({ node, sessions: ended }, 'sessions of a node ended')
      return ended
    },
  }
}
