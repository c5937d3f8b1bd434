// SPDX-License-Identifier: Apache-2.0
import { dirname } from 'node:path'
import type { VolumeConnection } from '../../lib/contract/documents.ts'
import { TerminalError } from '../../lib/errors.ts'
import type { NodeState } from '../runtime/reconciler.ts'

/**
 * Checks what a document may turn into a guest's disk. A file must be directly in one of this node's own pools and named after the volume;
 * a network server must use TLS and serve the volume by its own name. The operator makes such connections; this check holds also when the
 * operator is wrong. Pure. @throws TerminalError `VolumeUnsafe`
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
  return new TerminalError(
    'VolumeUnsafe',
    `volume ${uid} ${why}: an administrator should look at the node that serves it`,
  )
}
