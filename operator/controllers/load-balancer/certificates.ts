// SPDX-License-Identifier: Apache-2.0
// The certificates of HTTPS listeners: what their Secrets hold now, or, where that cannot be shown, what was shown before.
import type { LoadBalancer } from '../../../lib/api/types.ts'
import { MOST_CERTIFICATES, type BalancerDocument } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { LOOK_AGAIN_MS } from '../../secrets/look-again.ts'
import type { CertificateInUse, ListenerCertificates } from '../../tls/certificate-store.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { Member } from './members.ts'
import { forgetCertificates, recordCertificates } from './certificate-status.ts'

export interface ResolvedCertificates {
  /** Only of listeners that have one. */
  listeners: ListenerCertificates
  lacks: readonly Outcome[]
  /** After which the Secrets are looked at again. Absent: it names none. */
  lookAgainMs?: number
}

type CertificateDeps = Pick<OperatorDeps, 'bus' | 'certificates'>

/**
 * Each Secret by itself: one that is missing or broken leaves in use what it held before, and a listener none of whose Secrets is of use, what it
 * showed before.
 */
export async function resolveCertificates(
  balancer: LoadBalancer,
  deps: CertificateDeps,
  run: Pick<Run, 'client' | 'event' | 'now' | 'signal'>,
): Promise<ResolvedCertificates> {
  const { metadata, spec } = balancer
  if (!spec.listeners.some(({ tls }) => tls)) {
    deps.certificates.forget(metadata.uid)
    forgetCertificates(balancer)
    return { listeners: new Map(), lacks: [] }
  }
  const before = deps.certificates.inUse(metadata.uid) ?? (await givenCertificates(balancer, deps))
  const shown = new Map([...before.values()].flat().map((one) => [one.secret, one]))
  const good = new Map<string, CertificateInUse>()
  const faults = new Map<string, { reason: string; message: string }>()
  for (const [i, { tls }] of spec.listeners.entries()) {
    for (const { name } of tls?.certificateSecretRefs ?? []) {
      if (good.has(name) || faults.has(name)) continue
      const field = `spec.listeners[${i}].tls.certificateSecretRefs`
      const read = await deps.certificates.read(metadata, name, field, run)
      const old = shown.get(name)
      if (!read.ok) faults.set(name, read)
      const now = read.ok ? toInUse(name, read.certificate, old) : old
      if (now) good.set(name, now)
    }
  }
  const listeners = choose(balancer, good, before)
  deps.certificates.use(metadata.uid, listeners, new Set([...good.keys(), ...faults.keys()]))
  recordCertificates(balancer, listeners, faults, run)
  const lacks = [...faults.values()].map(({ reason, message }) => waitFor(reason, message, LOOK_AGAIN_MS))
  return { listeners, lacks: [...lacks, ...bare(balancer, listeners, lacks)], lookAgainMs: LOOK_AGAIN_MS }
}

/** HTTPS without a certificate is not. Pure. */
export function isServed(
  { name, tls }: Pick<LoadBalancer['spec']['listeners'][number], 'name' | 'tls'>,
  { listeners }: { listeners: ReadonlyMap<string, unknown> },
): boolean {
  return !tls || listeners.has(name)
}

/** For its status: who nobody can ask takes no part. Pure. */
export function withoutCertificate(member: Member): Member {
  const reason = 'NoCertificate'
  const message = 'its listener has no certificate to show and is not served: see the condition CertificatesValid'
  return { ...member, lacks: member.lacks ?? { reason, message } }
}

/** What is the same certificate stays the same to the nodes: they need not be told again. */
function toInUse(
  secret: string,
  { chain, key }: { chain: string; key: string },
  old: CertificateInUse | undefined,
): CertificateInUse {
  return { secret, chain, key, sealed: old?.chain === chain ? old.sealed : new Map<string, string>() }
}

/** As many as one document holds: those that are named first. */
function choose(
  { spec }: LoadBalancer,
  good: ReadonlyMap<string, CertificateInUse>,
  before: ListenerCertificates,
): ListenerCertificates {
  const chosen = new Map<string, readonly CertificateInUse[]>()
  const all = new Set(good.keys())
  for (const { name, tls } of spec.listeners) {
    const own = (tls?.certificateSecretRefs ?? []).flatMap((ref) => good.get(ref.name) ?? [])
    if (own.length > 0) chosen.set(name, own)
    if (own.length > 0 || !tls) continue
    const former = (before.get(name) ?? []).filter(({ secret }) => all.has(secret) || all.size < MOST_CERTIFICATES)
    for (const { secret } of former) all.add(secret)
    if (former.length > 0) chosen.set(name, former)
  }
  return chosen
}

function bare({ spec }: LoadBalancer, listeners: ListenerCertificates, [first]: readonly Outcome[]): Outcome[] {
  const without = spec.listeners.filter(({ name, tls }) => tls && !listeners.has(name)).map(({ name }) => name)
  if (without.length === 0 || first?.kind !== 'wait') return []
  return [waitFor(first.reason, `nothing serves at ${without.join(' and ')} meanwhile`, LOOK_AGAIN_MS)]
}

/** What its nodes were told by an operator before this one. @throws TransientError `BusUnavailable` */
async function givenCertificates(
  { metadata, spec, status }: LoadBalancer,
  { bus }: Pick<CertificateDeps, 'bus'>,
): Promise<ListenerCertificates> {
  const documents: BalancerDocument[] = []
  for (const { node } of status?.proxies ?? []) {
    const document = await bus.desired.read(node, 'balancer', metadata.uid)
    if (document?.kind === 'balancer' && !document.tombstone) documents.push(document)
  }
  const given = new Map<string, CertificateInUse>()
  for (const { node, spec: told } of documents) {
    for (const { name, chain, sealedKey } of told.certificates ?? []) {
      const one = given.get(name) ?? { secret: name, chain, sealed: new Map<string, string>() }
      if (one.chain === chain) one.sealed.set(node, sealedKey)
      given.set(name, one)
    }
  }
  const shownBy = (listener: string) =>
    documents.flatMap(({ spec: told }) => told.listeners.find(({ name }) => name === listener)?.tls?.certificates ?? [])
  return new Map(
    spec.listeners.map(({ name }) => [name, [...new Set(shownBy(name))].flatMap((secret) => given.get(secret) ?? [])]),
  )
}
