// SPDX-License-Identifier: Apache-2.0
// Nodes' answers to documents, for tests that answer in their place.
import {
  toProbes,
  type DesiredDocument,
  type DocumentKind,
  type MachineAction,
  type ObservedAction,
  type ObservedDocument,
} from '../../lib/contract/documents.ts'

/** A node's answer to a document; undefined: none yet. */
export type Answer = (document: DesiredDocument) => Partial<ObservedDocument> | undefined

/** Gives no answer for this kind. */
export function without(kind: DocumentKind, then: Answer = wellAnswered): Answer {
  return (document) => (document.kind === kind ? undefined : then(document))
}

/** For this kind the answer of `say`, if it gives one; for tombstones and all else that of `then`. */
export function saysOf(kind: DocumentKind, say: Answer, then: Answer = wellAnswered): Answer {
  return (document) => (document.kind === kind && !document.tombstone ? say(document) : undefined) ?? then(document)
}

export function toReport(document: DesiredDocument, said: Partial<ObservedDocument>): ObservedDocument {
  const { v, kind, uid, name, namespace, node, versions } = document
  const base = { v, kind, uid, name, ...(namespace === undefined ? {} : { namespace }), node, versions }
  return { ...base, state: 'gone', facts: {}, bootId: 'boot-0001', since: '2026-01-01T00:00:00Z', ...said }
}

function capturedFor({ snapshot }: MachineAction): Pick<ObservedAction, 'captured'> {
  const captured = { sha256: 'c5'.repeat(32), sizeBytes: 1024, virtualSizeBytes: 2 ** 30 }
  return snapshot ? { captured } : {}
}

/** Answers like a node on which everything works at once. */
export function wellAnswered(document: DesiredDocument): Partial<ObservedDocument> {
  if (document.tombstone) return { state: 'gone' }
  switch (document.kind) {
    case 'node':
      return { state: 'ready' }
    case 'image':
      return { state: 'ready', facts: { sha256: document.spec.sha256 ?? 'ab'.repeat(32), virtualSizeBytes: 2 ** 30 } }
    case 'imagecopy': {
      const { sha256, sizeBytes } = document.spec
      return { state: 'ready', facts: { sha256, sizeBytes, virtualSizeBytes: 2 ** 30 } }
    }
    case 'balancer': {
      const members = document.spec.pools.flatMap(({ name, members, monitor }) =>
        monitor ? members.map(({ address, port }) => ({ pool: name, address, port, isUp: true })) : [],
      )
      return { state: 'active', facts: { serving: true, probes: toProbes(members, document.spec.pools) } }
    }
    case 'port':
      return { state: 'active', facts: { ovnInstalled: true } }
    case 'volume': {
      const connection = { protocol: 'nbd' as const, host: 'h', port: 10900, exportName: document.uid, tls: true }
      const { sizeGiB, exportTo } = document.spec
      return { state: 'available', facts: { sizeGiB, ...(exportTo.length > 0 ? { connection } : {}) } }
    }
    case 'vpn':
      return { state: 'ready', facts: { tunnels: document.spec.connections.map(({ uid }) => ({ uid, up: true })) } }
    case 'probe':
      return { state: 'done', facts: { probeAnswer: { result: 'Answered', sentAt: '2026-01-01T00:00:00Z' } } }
    case 'instance': {
      const { runState, volumes, ports, action, consoles = [] } = document.spec
      const state = { Running: 'running', Stopped: 'stopped', Paused: 'paused', Suspended: 'suspended' }[runState]
      const portsAttached = ports.map(({ uid }) => uid)
      return {
        state,
        facts: {
          ...{ stages: ['ImageCached'], volumesAttached: volumes.map(({ uid }) => uid), portsAttached },
          ...(consoles.length > 0 ? { consoles: consoles.map(({ uid }) => ({ uid, state: 'Waiting' as const })) } : {}),
          ...(action ? { action: { uid: action.uid, steps: [], result: 'Succeeded', ...capturedFor(action) } } : {}),
        },
      }
    }
  }
}
