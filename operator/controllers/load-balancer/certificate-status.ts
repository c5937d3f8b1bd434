// SPDX-License-Identifier: Apache-2.0
// What is said of a balancer's certificates: each one in use and when it expires, and the condition CertificatesValid.
import type { LoadBalancer } from '../../../lib/api/types.ts'
import { findCondition, setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import type { CertificateInUse, ListenerCertificates } from '../../tls/certificate-store.ts'
import { factsOf, type CertificateFacts } from '../../tls/server-certificate.ts'
import { toTime } from '../../../lib/time/rfc3339.ts'

const CERTIFICATES_VALID = 'CertificatesValid'
const DAY_MS = 24 * 3600 * 1000
/** Before its end a certificate is warned about: so long, or the last fifth of a shorter life. Whoever renews by itself has done so by then. */
const WARN_MS = 14 * DAY_MS
const WARN_PART = 1 / 5
/** Of one certificate. */
const MOST_NAMES = 16

interface Shown extends CertificateFacts {
  secret: string
}

export function recordCertificates(
  balancer: LoadBalancer,
  listeners: ListenerCertificates,
  faults: ReadonlyMap<string, { reason: string; message: string }>,
  { now, event }: Pick<Run, 'now' | 'event'>,
): void {
  const status = (balancer.status ??= {})
  const inUse = new Map([...listeners.values()].flat().map((one) => [one.secret, one]))
  const shown = [...inUse.values()].flatMap(shownOf)
  status.certificates = shown.map(({ secret, notAfter, fingerprint, dnsNames }) => ({
    ...{ secret, notAfter: toTime(notAfter), fingerprint },
    ...(dnsNames.length > 0 ? { dnsNames: dnsNames.slice(0, MOST_NAMES) } : {}),
  }))
  const update = conditionOf(shown, faults, now)
  const before = findCondition(status.conditions, CERTIFICATES_VALID)?.reason
  status.conditions = setCondition(status.conditions, update, balancer.metadata.generation, now)
  if (update.reason === before || update.status === 'True') return
  event({ type: 'Warning', reason: update.reason, action: 'Renew', note: update.message })
}

/** Nothing of one that an operator of before let pass, though it has no facts: its Secret's fault is said, and the others go on. */
function shownOf({ secret, chain }: CertificateInUse): Shown[] {
  try {
    return [{ secret, ...factsOf(chain) }]
  } catch {
    return []
  }
}

/** It has no HTTPS listener any more. */
export function forgetCertificates({ status }: LoadBalancer): void {
  if (!status) return
  delete status.certificates
  const others = (status.conditions ?? []).filter(({ type }) => type !== CERTIFICATES_VALID)
  if (others.length < (status.conditions ?? []).length) status.conditions = others
}

function conditionOf(
  shown: readonly Shown[],
  faults: ReadonlyMap<string, { reason: string; message: string }>,
  now: Date,
): ConditionUpdate {
  const [fault] = faults.values()
  if (fault) {
    const message = [...faults].map(([secret, { message: what }]) => {
      const kept = shown.some((one) => one.secret === secret) ? '; the certificate before stays in use' : ''
      return `${what}${kept}`
    })
    return { type: CERTIFICATES_VALID, status: 'False', reason: fault.reason, message: message.join('; ') }
  }
  const late = shown.filter((one) => isLate(one, now))
  if (late.length === 0) {
    const message = 'all certificates are valid for long enough'
    return { type: CERTIFICATES_VALID, status: 'True', reason: 'AllValid', message }
  }
  const named = late.map(({ secret, notAfter }) => `that of Secret ${secret} expires at ${notAfter.toISOString()}`)
  const message = `${named.join(', ')}: write a renewed one into the Secret, which is taken within a minute`
  return { type: CERTIFICATES_VALID, status: 'False', reason: 'CertificateExpiresSoon', message }
}

function isLate({ notBefore, notAfter }: Shown, now: Date): boolean {
  const life = notAfter.getTime() - notBefore.getTime()
  return notAfter.getTime() - now.getTime() < Math.min(WARN_MS, life * WARN_PART)
}
