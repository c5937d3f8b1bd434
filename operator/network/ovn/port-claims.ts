// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { readString } from '../../../lib/ovsdb/values.ts'
import { Listeners } from '../../bus/listeners.ts'
import type { TakenPort } from '../network-driver.ts'
import { ClaimWatch, judgeClaim } from './claim-watch.ts'
import { GatewayCarriers } from './gateway-carriers.ts'
import {
  claimNameOf,
  claimNameOfGateway,
  findGateway,
  planFormerGatewayGone,
  requestOfGateway,
  routerOfClaimName,
} from './gateway-claim.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import type { Planner } from './planner.ts'
import { planFormerGone, requestOf } from './port-plan.ts'
import type { PortRequest } from './port-request.ts'
import { Southbound, type SouthboundOptions } from './southbound.ts'

export interface PortClaimsOptions {
  nb: Northbound
  /** Whether the northbound mirror is up to date. */
  isCurrent(): boolean
  /** Writes to the northbound database; may fail. */
  forget(planner: Planner): Promise<void>
  southbound?: SouthboundOptions
  patienceMs?: number
}

/** Compares both databases: on which node each port was requested, and which node claims it. */
export class PortClaims {
  readonly southbound: Southbound | undefined
  readonly #options: PortClaimsOptions
  readonly #watch: ClaimWatch
  readonly #carriers: GatewayCarriers
  readonly #taken = new Listeners<ReadonlySet<string>>()
  readonly #unreported = new Listeners<readonly string[]>()
  readonly #gateways = new Listeners<readonly string[]>()

  constructor(options: PortClaimsOptions) {
    this.#options = options
    this.southbound = options.southbound && new Southbound(options.southbound)
    this.#watch = new ClaimWatch({
      request: (uid) => this.#requestOf(uid),
      claimant: (uid) => this.southbound?.claimantOf(uid),
      onLeft: (uid) => this.#forgetFormer(uid),
      onTaken: (nodes) => this.#taken.emit(nodes),
      ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
    })
    this.#carriers = new GatewayCarriers({
      claimant: (name) => this.southbound?.claimantOf(name),
      preferred: (name) => this.#requestOf(name)?.node,
      onSettled: (name) => this.#tellGateways([name]),
    })
    this.southbound?.onClaims((names) => {
      this.#look(names)
      this.#tellUnreported(names)
      this.#tellGateways(names)
    })
    this.southbound?.onSync((synced) => {
      this.lookAtAll()
      if (synced) this.#tellAllGateways()
    })
  }

  /** To be called with each change of the northbound mirror. */
  update(changes: readonly RowChange[]): void {
    const names = changes.flatMap(({ table, before, after }) => {
      if (table === 'Logical_Switch_Port') return readString((after ?? before)?.['name']) ?? []
      return table === 'Logical_Router_Port' ? claimNameOf(after ?? before) : []
    })
    this.#look(names)
  }

  lookAtAll(): void {
    if (this.#isSeen())
      this.#watch.look([...this.#options.nb.portNames(), ...this.#options.nb.routerPorts().flatMap(claimNameOf)])
    else this.#watch.clear()
  }

  list(): readonly TakenPort[] {
    return this.#watch.list()
  }

  onTaken(listener: (nodes: ReadonlySet<string>) => void): () => void {
    return this.#taken.add(listener)
  }

  isClaimed(uid: string, node: string): boolean | undefined {
    return this.southbound?.synced === true ? this.southbound.claimantOf(uid) === node : undefined
  }

  holderOf(uid: string): { portUid: string; node: string } | undefined {
    return this.southbound?.synced === true ? this.southbound.virtualHolderOf(uid) : undefined
  }

  onUnreportedClaims(listener: (uids: readonly string[]) => void): () => void {
    return this.#unreported.add(listener)
  }

  /** The chassis that carries the traffic of a router's gateway. */
  gatewayNodeOf(routerUid: string): string | undefined {
    return this.southbound?.synced === true ? this.#carriers.carrierOf(claimNameOfGateway(routerUid)) : undefined
  }

  onGatewayMoves(listener: (routerUids: readonly string[]) => void): () => void {
    return this.#gateways.add(listener)
  }

  close(): void {
    this.#watch.close()
    this.#carriers.close()
  }

  #look(names: Iterable<string>): void {
    if (this.#isSeen()) this.#watch.look(names)
  }

  #tellUnreported(names: Iterable<string>): void {
    const isUnreported = (name: string) => {
      const row = this.#options.nb.findNamed('Logical_Switch_Port', name)?.row
      return (
        readString(row?.['parent_name']) !== undefined ||
        ['external', 'virtual'].includes(readString(row?.['type']) ?? '')
      )
    }
    const unreported = [...names].filter(isUnreported)
    if (unreported.length > 0) this.#unreported.emit(unreported)
  }

  #tellGateways(names: Iterable<string>): void {
    const routers = [...names].flatMap((name) => {
      const uid = routerOfClaimName(name)
      return uid !== undefined && this.#carriers.update(name) ? uid : []
    })
    if (routers.length > 0) this.#gateways.emit(routers)
  }

  /** Those who asked while it was not known. */
  #tellAllGateways(): void {
    this.#carriers.forgetTold()
    this.#tellGateways(this.#options.nb.routerPorts().flatMap(claimNameOf))
  }

  /** One database alone proves nothing. */
  #isSeen(): boolean {
    return this.southbound?.synced === true && this.#options.isCurrent()
  }

  #requestOf(uid: string): PortRequest | undefined {
    const gateway = findGateway(uid, this.#options.nb)
    if (gateway) return requestOfGateway(gateway.row)
    const held = this.#options.nb.findNamed('Logical_Switch_Port', uid)
    return held && requestOf(held.row)
  }

  /** Judged again when it is written: the port may have been requested elsewhere meanwhile. What fails is tried again at the next look. */
  #forgetFormer(uid: string): void {
    const planner: Planner = (nb) => {
      if (!judgeClaim(this.#requestOf(uid), this.southbound?.claimantOf(uid)).hasLeft) return new Plan()
      const gateway = findGateway(uid, nb)
      return gateway ? planFormerGatewayGone(gateway) : planFormerGone(uid, nb)
    }
    this.#options.forget(planner).catch(() => undefined)
  }
}
