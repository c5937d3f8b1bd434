// SPDX-License-Identifier: Apache-2.0
// How long the certificates live that the operator signs: the one place (docs/storage.md lists what holds which).
import { NODE_CERTIFICATE_DAYS } from './certificates.ts'
import { NBD_SERVER_DAYS } from './nbd-certificates.ts'
import { ConfigError } from '../../lib/errors.ts'

export interface CertificateLifetimes {
  /** Of a node's identity: OVN and the operator's servers know it. */
  nodeDays: number
  /** Of what serves volumes. What opens them lasts as long as its authority. */
  nbdServerDays: number
}

const DAY_SECONDS = 24 * 3600
const MOST_MS = 12 * 3600 * 1000

/** @throws ConfigError that names the variable */
export function readLifetimes(env: NodeJS.ProcessEnv): CertificateLifetimes {
  return {
    nodeDays: daysOf(env, 'NEPHELE_NODE_CERTIFICATE_SECONDS') ?? NODE_CERTIFICATE_DAYS,
    nbdServerDays: daysOf(env, 'NEPHELE_NBD_SERVER_CERTIFICATE_SECONDS') ?? NBD_SERVER_DAYS,
  }
}

/** Ages are looked at often enough that renewal, at two thirds of a life, is not late. Pure. */
export function checkEvery({ nodeDays, nbdServerDays }: CertificateLifetimes): number {
  return Math.min(MOST_MS, Math.ceil((Math.min(nodeDays, nbdServerDays) * DAY_SECONDS * 1000) / 10))
}

function daysOf(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  if (!/^[1-9]\d{1,9}$/.test(text)) throw new ConfigError(`${name} is to be a number of seconds, 10 at least`)
  return Number(text) / DAY_SECONDS
}
