// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { ComputeNode, StoragePool, Volume } from '../../../lib/api/types.ts'
import type { ObservedDocument, VolumeConnection } from '../../../lib/contract/documents.ts'
import { isNbdPort, NBD_PORTS } from '../../../lib/contract/nbd-ports.ts'
import { pathOf } from '../storage-pool/reconcile.ts'

export interface Served {
  volume: Volume
  /** What the node that serves it reports. */
  report: Pick<ObservedDocument, 'facts'>
  /** The node that serves it. */
  server: ComputeNode | undefined
  pool: StoragePool | undefined
  /** The node of the machine. */
  client: string
}

export type ConnectionChoice = { ok: true; connection: VolumeConnection } | { ok: false; why: string }

/**
 * How a machine reaches its volume. A node that serves volumes must not choose what other nodes open: only the port is taken from its
 * report, and only from the volumes' range; address, TLS and names are what the operator itself knows of that node. A file must be on the
 * machine's own node and have the volume's name in its pool's directory. Pure.
 */
export function toConnection({ volume, report, server, pool, client }: Served): ConnectionChoice {
  const { uid } = volume.metadata
  const claimed = report.facts.connection
  if (!server || !claimed)
    return no(`waiting for node ${volume.status?.node ?? ''} to export Volume ${volume.metadata.name}`)
  const node = server.metadata.name
  if (claimed.protocol === 'file') {
    const path = pool && `${pathOf(pool)}/${uid}.${claimed.format}`
    if (node !== client || path === undefined || claimed.path !== path)
      return no(
        `node ${node} reports a file for Volume ${volume.metadata.name} that is not of its pool on node ${client}`,
      )
    return { ok: true, connection: { protocol: 'file', path, format: claimed.format } }
  }
  const host = server.status?.inventory?.address ?? ''
  if (!isReachable(host))
    return no(
      `node ${node} has no address that others can reach ("${host}"): set the address of its agent to an IP address of the node`,
    )
  if (!isNbdPort(claimed.port))
    return no(
      `node ${node} reports port ${claimed.port} for Volume ${volume.metadata.name}, outside of ${NBD_PORTS.first} to ${NBD_PORTS.last}`,
    )
  return {
    ok: true,
    connection: { protocol: 'nbd', host, port: claimed.port, exportName: uid, tls: true, tlsHostname: node },
  }
}

function no(why: string): ConnectionChoice {
  return { ok: false, why }
}

const NOWHERE: readonly string[] = ['loopback', 'linkLocal', 'multicast', 'unspecified', 'broadcast']

/** An IP address that means the same host everywhere, unlike 127.0.0.1. */
function isReachable(address: string): boolean {
  return isIP(address) !== 0 && !NOWHERE.includes(ipaddr.process(address).range())
}
