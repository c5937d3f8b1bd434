// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { BalancerDocument, BalancerSpec, Orphan, Tombstone } from '../../lib/contract/documents.ts'
import type { Logger } from '../../lib/log.ts'
import type { ServicePorts } from '../network/service-ports.ts'
import type { KindReconciler, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import type { BalancerDaemons, Seen } from './balancer-daemons.ts'

export interface BalancerReconcilerOptions {
  ports: ServicePorts
  daemons: BalancerDaemons
  /** `/run/nephele` */
  runDir: string
  log: Logger
  /** How often members, and who serves, are looked at. */
  lookMs?: number
}

/** The proxies of balancers on a gateway node. */
export class BalancerReconciler implements KindReconciler<'balancer'> {
  readonly kind = 'balancer'
  readonly #options: BalancerReconcilerOptions
  /** What was seen last of those that were set up here: whatever else is seen wakes. */
  readonly #seen = new Map<string, { spec: BalancerSpec; seen: Seen | undefined }>()

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
    const { ports, daemons } = this.#options
    const { namespaceFile, installed } = await ports.ensure(uid, spec.port, context)
    const folder = this.#folderOf(uid)
    await daemons.ensure(spec, { uid, folder, namespaceFile }, context.signal)
    const seen = await daemons.look(spec, folder, context.signal)
    this.#seen.set(uid, { spec, seen })
    if (!seen || !installed) return { state: 'starting', facts: { serving: false } }
    return { state: 'active', facts: { serving: seen.serving, members: [...seen.members] } }
  }

  async remove({ uid }: Tombstone, { signal }: RunContext): Promise<Observation<'balancer'>> {
    this.#seen.delete(uid)
    await this.#options.daemons.end(this.#folderOf(uid), signal)
    await this.#options.ports.remove(uid, signal)
    return { state: 'gone' }
  }

  /** Of a service whose uid has a folder here. Nothing of it is anybody's loss. */
  listOwned(): Promise<Orphan[]> {
    return Promise.resolve([])
  }

  async #lookAtAll(wake: Wake, signal: AbortSignal): Promise<void> {
    for (const [uid, { spec, seen }] of [...this.#seen]) {
      const now = await this.#options.daemons.look(spec, this.#folderOf(uid), signal).catch(() => undefined)
      const held = this.#seen.get(uid)
      if (signal.aborted || held?.seen !== seen) continue
      if (!isDeepStrictEqual(now, seen)) wake.one(uid)
    }
  }

  #folderOf(uid: string): string {
    return join(this.#options.runDir, 'balancers', uid)
  }
}
