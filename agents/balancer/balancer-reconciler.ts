// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import {
  toProbes,
  type BalancerDocument,
  type BalancerSpec,
  type Orphan,
  type Tombstone,
} from '../../lib/contract/documents.ts'
import { unlessMissing } from '../../lib/durable-files.ts'
import type { Logger } from '../../lib/log.ts'
import { sharedPrefix } from './shared-address.ts'
import { isUid, serviceNamespace, type ServicePorts } from '../network/service-ports.ts'
import type { KindReconciler, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import type { SealingKey } from '../node/sealing-key.ts'
import type { BalancerDaemons, Seen } from './balancer-daemons.ts'
import { removeOtherCertificates, removeUnnamedCertificates, writeCertificates } from './certificate-files.ts'

export interface BalancerReconcilerOptions {
  ports: ServicePorts
  daemons: BalancerDaemons
  sealing: Pick<SealingKey, 'open'>
  /** `/run/nephele` */
  runDir: string
  log: Logger
  /** Resolves once the ports' list matches the switch; throws when that cannot be known. */
  ready?: (signal: AbortSignal) => Promise<void>
  /** How often members, and who serves, are looked at. */
  lookMs?: number
  /** How often members alone are told of at most. */
  membersMs?: number
}

const MEMBERS_MS = 5000

/** The proxies of balancers on a gateway node. */
export class BalancerReconciler implements KindReconciler<'balancer'> {
  readonly kind = 'balancer'
  readonly #options: BalancerReconcilerOptions
  /** What was seen last of those that were set up here: whatever else is seen wakes. */
  readonly #seen = new Map<string, { spec: BalancerSpec; seen: Seen | undefined; toldMs: number }>()

  constructor(options: BalancerReconcilerOptions) {
    this.#options = options
  }

  start(wake: Wake, signal: AbortSignal): Promise<void> {
    this.#options.ports.onChange((uid) => {
      if (uid === undefined) wake.all()
      else if (this.#seen.has(uid)) wake.one(uid)
    })
    let isLooking = false
    const look = async () => {
      if (isLooking) return
      isLooking = true
      await this.#lookAtAll(wake, signal).finally(() => (isLooking = false))
    }
    const timer = setInterval(() => void look(), this.#options.lookMs ?? 1000)
    timer.unref()
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
    return Promise.resolve()
  }

  async reconcile({ uid, spec }: BalancerDocument, context: RunContext): Promise<Observation<'balancer'>> {
    const { ports, daemons, sealing } = this.#options
    const folder = this.#folderOf(uid)
    const spared = [sharedPrefix(spec)]
    const settling = await ports.settle(uid, {
      ...{ asked: [spec.port, spared], devices: [], pid: await daemons.findPid(folder) },
    })
    const { isSettled } = settling
    const { namespaceFile, installed } = await ports.ensure(uid, spec.port, context, { spared, isSettled })
    await settling.end()
    await removeUnnamedCertificates(spec, folder)
    const certificates = await writeCertificates(spec, { uid, folder }, sealing)
    await daemons.ensure(spec, { uid, folder, namespaceFile, certificates }, context.signal)
    await removeOtherCertificates(folder, certificates)
    const seen = await daemons.look(spec, folder, context.signal)
    this.#seen.set(uid, { spec, seen, toldMs: performance.now() })
    if (!seen || !installed) return { state: 'starting', facts: { serving: false } }
    const probes = toProbes(seen.members, spec.pools)
    return { state: 'active', facts: { serving: seen.serving, ...(probes ? { probes } : {}) } }
  }

  async remove({ uid }: Tombstone, { signal }: RunContext): Promise<Observation<'balancer'>> {
    this.#seen.delete(uid)
    await this.#options.daemons.end(this.#folderOf(uid), signal)
    await this.#options.ports.remove(uid, signal)
    return { state: 'gone' }
  }

  /** By their port, namespace, or the folder of their programs: none is there for ever alone. */
  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    await this.#options.ready?.(signal)
    const folders = (await unlessMissing(() => readdir(join(this.#options.runDir, 'balancers')), [])).filter(isUid)
    const uids = [...new Set([...(await this.#options.ports.list()), ...folders])].sort()
    return uids.map((uid) => ({ kind: 'balancer', uid, what: `namespace ${serviceNamespace(uid)}` }))
  }

  async #lookAtAll(wake: Wake, signal: AbortSignal): Promise<void> {
    for (const [uid, { spec, seen, toldMs }] of [...this.#seen]) {
      const now = await this.#options.daemons.look(spec, this.#folderOf(uid), signal).catch(() => undefined)
      const held = this.#seen.get(uid)
      if (signal.aborted || held?.seen !== seen) continue
      if (isDeepStrictEqual(now, seen)) continue
      // Members that come and go fast are told of the less often.
      const isUrgent = now?.serving !== seen?.serving
      if (isUrgent || performance.now() - toldMs >= (this.#options.membersMs ?? MEMBERS_MS)) wake.one(uid)
    }
  }

  #folderOf(uid: string): string {
    return join(this.#options.runDir, 'balancers', uid)
  }
}
