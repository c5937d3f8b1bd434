// SPDX-License-Identifier: Apache-2.0
// Ends what a node has open on the bus: its token may be refused from now on, but a session stands until its own time is over.
import type { NatsConnection } from '@nats-io/transport-node'
import { z } from 'zod'
import type { Logger } from '../../lib/log.ts'
import { NODES_ACCOUNT } from '../../lib/nats/server-config.ts'
import { askServers, ServerId } from './ask-servers.ts'
import { agentName } from '../auth/authorize.ts'

const LIMIT = 64

const Answer = z.object({
  server: z.object({ id: ServerId }),
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
      let ended = 0
      for await (const { server, data } of askServers(nc, 'CONNZ', question, Answer)) {
        for (const { cid, authorized_user } of data.connections ?? []) {
          if (authorized_user !== user) continue
          await nc.request(`$SYS.REQ.SERVER.${server.id}.KICK`, JSON.stringify({ cid }), { timeout: 2_000 })
          ended += 1
        }
      }
      if (ended > 0) log.warn({ node, sessions: ended }, 'sessions of a node ended')
      return ended
    },
  }
}
