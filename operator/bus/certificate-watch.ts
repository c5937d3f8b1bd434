// SPDX-License-Identifier: Apache-2.0
// Certificates of the control plane: servers of the bus read renewed ones only when they are told to, and people have to hear of one that is
// about to end.
import type { ConditionUpdate } from '../../lib/conditions.ts'
import type { Logger } from '../../lib/log.ts'
import type { BusServers, ShownCertificate } from './bus-servers.ts'

const DAY_MS = 24 * 3600 * 1000
const WARN_MS = 14 * DAY_MS
const CHECK_MS = 3600 * 1000
const TYPE = 'CertificatesValid'

const UNKNOWN: ConditionUpdate = {
  ...{ type: TYPE, status: 'Unknown', reason: 'Unreachable' },
  message: 'no NATS server says which certificate it shows; those in the Secrets hold for two weeks and more',
}

/** By name of the Secret: when what is in it ends. */
export type CertificateEnds = ReadonlyMap<string, Date>

export interface CertificateWatchOptions {
  servers: BusServers
  /** What is in the Secrets; empty: whoever made them keeps no list. */
  readEnds: (signal: AbortSignal) => Promise<CertificateEnds>
  /** Hears when each ends. */
  known: (secret: string, notAfter: Date) => void
  now: () => Date
  log: Logger
}

export class CertificateWatch {
  readonly #options: CertificateWatchOptions
  readonly #listeners = new Set<() => void>()
  #condition: ConditionUpdate | undefined

  constructor(options: CertificateWatchOptions) {
    this.#options = options
  }

  /** Of the Cloud; undefined: not looked yet. */
  condition(): ConditionUpdate | undefined {
    return this.#condition
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Looks now and each hour. @returns stops */
  follow(signal: AbortSignal): () => void {
    const look = () => {
      this.check(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#options.log.warn({ err: error }, 'certificates of the control plane not looked at')
      })
    }
    const timer = setInterval(look, CHECK_MS)
    look()
    return () => clearInterval(timer)
  }

  /** @throws when the bus or the apiserver does not answer; and, once all else is done, when servers do not read their files */
  async check(signal: AbortSignal): Promise<void> {
    const { servers, readEnds, known, now, log } = this.#options
    const ends = await readEnds(signal)
    const failed: unknown[] = []
    const list = () =>
      servers.list().catch((error: unknown) => {
        failed.push(error)
        return []
      })
    const before = await list()
    const outdated = listOutdated(before, ends)
    for (const [serverId, serverName] of outdated) {
      signal.throwIfAborted()
      log.info({ server: serverName }, 'a NATS server is told to read its renewed certificates')
      await servers.reload(serverId).catch((cause: unknown) => failed.push(new Error(serverName, { cause })))
    }
    const shown = outdated.size > 0 ? await list() : before
    for (const [secret, end] of firstEnds(shown, ends)) known(secret, end)
    const former = this.#condition?.message
    const said = toCondition(shown, ends, now())
    this.#condition = shown.length === 0 && said.status === 'True' ? UNKNOWN : said
    if (former !== this.#condition.message) for (const tell of this.#listeners) tell()
    if (failed.length > 0)
      throw new AggregateError(failed, 'NATS servers do not answer, or do not read their renewed certificates')
  }
}

/** Servers that show another certificate than the Secret holds: id → name. Pure. */
export function listOutdated(shown: readonly ShownCertificate[], ends: CertificateEnds): Map<string, string> {
  const isOutdated = ({ secret, notAfter }: ShownCertificate) => {
    const end = ends.get(secret)
    // A server says it in whole seconds, as the certificate does.
    return end !== undefined && end.getTime() - notAfter.getTime() >= 1000
  }
  return new Map(shown.filter(isOutdated).map(({ serverId, serverName }) => [serverId, serverName]))
}

/** By Secret: the first end, of what is in it and what servers show of it. Pure. */
function firstEnds(shown: readonly ShownCertificate[], ends: CertificateEnds): Map<string, Date> {
  const first = new Map(ends)
  for (const { secret, notAfter } of shown) {
    const known = first.get(secret)
    if (!known || notAfter < known) first.set(secret, notAfter)
  }
  return first
}

/** Pure. */
export function toCondition(shown: readonly ShownCertificate[], ends: CertificateEnds, now: Date): ConditionUpdate {
  const isLate = (end: Date) => end.getTime() - now.getTime() < WARN_MS
  const stored = [...ends]
    .filter(([, end]) => isLate(end))
    .map(([secret, end]) => `that of Secret ${secret} ends at ${end.toISOString()}`)
  const served = shown
    .filter(({ secret, notAfter }) => isLate(notAfter) && notAfter.getTime() !== ends.get(secret)?.getTime())
    .map(
      ({ serverName, secret, notAfter }) =>
        `${serverName} shows one of ${secret} that ends at ${notAfter.toISOString()}`,
    )
  const late = [...stored, ...served].sort()
  if (late.length === 0)
    return {
      type: TYPE,
      status: 'True',
      reason: 'Healthy',
      message: 'certificates of the control plane hold for two weeks and more',
    }
  const what =
    ends.size > 0 ? 'look at the last Job of CronJob nephele-certificates' : 'renew them where they come from'
  return {
    ...{ type: TYPE, status: 'False', reason: 'CertificateExpiresSoon' },
    message: `certificates of the control plane end soon: ${late.slice(0, 5).join('; ')}: ${what}`,
  }
}
