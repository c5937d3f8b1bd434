// SPDX-License-Identifier: Apache-2.0
import { dirname } from 'node:path'
import type { VolumeConnection } from '../../lib/contract/documents.ts'
import { TerminalError } from '../../lib/errors.ts'
import type { NodeState } from '../runtime/reconciler.ts'

/**
 * What a document may make a guest's disk of. A file is one of this node's own pools, directly in its folder and named after the volume; a
 * server on the network speaks TLS and serves the volume by its own name. The operator makes connections so; this holds also when it is
 * wrong. Pure. @throws TerminalError `VolumeUnsafe`
 */
export function checkConnection(uid: string, connection: VolumeConnection, state: Pick<NodeState, 'list'>): void {
  if (connection.protocol === 'nbd') {
    if (!connection.tls || connection.tlsHostname === undefined || connection.exportName !== uid)
      throw unsafe(uid, 'would be reached without TLS, or under another name than its own')
    return
  }
  const { path, format } = connection
  if (!poolFolders(state).has(dirname(path)) || path !== `${dirname(path)}/${uid}.${format}`)
    throw unsafe(uid, 'is a file that is not of a pool of this node')
}

function poolFolders(state: Pick<NodeState, 'list'>): Set<string> {
  const pools = state.list('node').flatMap((document) => (document.tombstone ? [] : (document.spec.pools ?? [])))
  return new Set(pools.map(({ path }) => path))
}

function unsafe(uid: string, why: string): TerminalError {
  return new TerminalError('VolumeUnsafe', `volume ${uid} ${why}: an administrator looks at the node that serves it`)
}
