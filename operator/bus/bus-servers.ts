// SPDX-License-Identifier: Apache-2.0
// The servers of the bus, by their own account.
import type { NatsConnection } from '@nats-io/transport-node'
import { z } from 'zod'
import { askServers, ServerId } from './ask-servers.ts'
import { BUS_CERTIFICATES } from '../../lib/pki/certificate-ends.ts'

const RELOAD_MS = 10_000

const Ends = { tls_cert_not_after: z.iso.datetime({ offset: true }).optional() }
const Answer = z.object({
  server: z.object({ id: ServerId, name: z.string().max(256) }),
  data: z.object({ ...Ends, cluster: z.object(Ends).optional() }),
})
const Reloaded = z.object({ error: z.object({ description: z.string().optional() }).optional() })

/** What a server has read, and shows until it reads its files again. */
export interface ShownCertificate {
  serverId: string
  serverName: string
  /** Name of the Secret that it comes from. */
  secret: string
  notAfter: Date
}

export interface BusServers {
  /** @throws when none answers */
  list(): Promise<readonly ShownCertificate[]>
  /** It reads its configuration and certificates again; connections stay. @throws when it says no, or nothing */
  reload(serverId: string): Promise<void>
}

/** @param nc as the user of the servers' own account */
export function systemServers(nc: NatsConnection): BusServers {
  return {
    async list() {
      const shown: ShownCertificate[] = []
      for await (const { server, data } of askServers(nc, 'VARZ', {}, Answer)) {
        const add = (secret: string, end: string | undefined) => {
          if (end === undefined) return
          shown.push({ serverId: server.id, serverName: server.name, secret, notAfter: new Date(end) })
        }
        add(BUS_CERTIFICATES.clients, data.tls_cert_not_after)
        add(BUS_CERTIFICATES.routes, data.cluster?.tls_cert_not_after)
      }
      if (shown.length === 0) throw new Error('no NATS server says which certificate it shows')
      return shown
    },
    async reload(serverId) {
      const answer = await nc.request(`$SYS.REQ.SERVER.${serverId}.RELOAD`, '', { timeout: RELOAD_MS })
      const { error } = Reloaded.parse(JSON.parse(answer.string()))
      if (error)
        throw new Error(
          `a NATS server does not read its configuration again: ${error.description ?? 'no reason given'}`,
        )
    },
  }
}
