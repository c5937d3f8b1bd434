// SPDX-License-Identifier: Apache-2.0
import { OvsdbNotLeaderError } from '../../../lib/ovsdb/errors.ts'
import type { BackendHealth } from '../network-driver.ts'

export interface Patience {
  /** How long a connection may be down unreported: a server restart or a leader election takes less. */
  downMs: number
  /** If northd takes longer than this to process a change, it is not keeping up. */
  northdMs: number
}
export const PATIENCE: Patience = { downMs: 5_000, northdMs: 10_000 }
/** How often northd is asked for a sign of life. Seldom, because each node answers too, with one write. */
export const NORTHD_PROBE_MS = 30_000

export interface Connection {
  synced: boolean
  /** How long it has not been synced. */
  downMs: number
  /** Why the last attempt failed. */
  failure: unknown
}

export interface BackendFacts {
  northbound: Connection
  /** How long northd has not answered; 0 once it has. */
  northdBehindMs: number
  /** Absent: no southbound database is configured. */
  southbound?: Connection
}

/** Worst first. Undefined: it is too early to say. Pure. */
export function judgeBackend(
  { northbound, northdBehindMs, southbound }: BackendFacts,
  patience = PATIENCE,
): BackendHealth | undefined {
  if (!northbound.synced) {
    if (northbound.downMs < patience.downMs) return undefined
    return whyUnreachable('northbound', northbound.failure)
  }
  if (northdBehindMs >= patience.northdMs) {
    return {
      status: 'False',
      reason: 'NorthdBehind',
      message:
        'ovn-northd does not take up what is written to the OVN northbound database: look whether it runs, and at its log and its CPU',
    }
  }
  if (southbound && !southbound.synced && southbound.downMs >= patience.downMs) {
    const { message } = whyUnreachable('southbound', southbound.failure)
    return {
      status: 'False',
      reason: 'ClaimsNotWatched',
      message: `ports are made, but nobody sees it when a node takes another's: ${message}`,
    }
  }
  return { status: 'True', reason: 'Healthy', message: 'OVN takes up what is written' }
}

function whyUnreachable(database: 'northbound' | 'southbound', failure: unknown): BackendHealth {
  const of = `the OVN ${database} database`
  const causes = [...causesOf(failure)]
  const code = causes.map((cause) => (cause as { code?: unknown }).code).find((c) => typeof c === 'string')
  const tail = typeof code === 'string' ? ` (${code})` : ''
  if (causes.some((cause) => cause instanceof OvsdbNotLeaderError)) {
    const message = `no server that answers leads ${of}: look at its servers, of which more than half have to run`
    return { status: 'False', reason: 'NotLeader', message }
  }
  if (typeof code === 'string' && isAboutCertificates(code)) {
    const message = `a certificate is refused on the way to ${of}${tail}: look at the ends of validity, authorities and names of both ends' certificates`
    return { status: 'False', reason: 'CertificateRefused', message }
  }
  const message = `${of} cannot be reached${tail}: look whether its server runs, and at what is between it and the operator`
  return { status: 'False', reason: 'Unreachable', message }
}

function* causesOf(error: unknown): Iterable<object> {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) yield at
}

/** Node's own codes, OpenSSL's for chains, and alerts of the other end (which the server's refusal of a client comes as). */
function isAboutCertificates(code: string): boolean {
  return /^ERR_(TLS|SSL|OSSL)_|CERT|^UNABLE_TO_(GET|VERIFY|DECODE)|SELF_SIGNED|^INVALID_(CA|PURPOSE)$/.test(code)
}
