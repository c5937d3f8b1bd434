// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { GATEWAY_NODE_KEYS } from '../../../../lib/contract/gateway-rows.ts'
import type { Logger } from '../../../../lib/log.ts'
import { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import type { Remote, TlsIdentity } from '../../../../lib/ovsdb/remote.ts'
import type { RowChange } from '../../../../lib/ovsdb/row-change.ts'
import type { MonitoredTable } from '../../../../lib/ovsdb/session.ts'
import { mapOf, readMap, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import { announcementOf, gatewaysThatCame, isCarriedBy, type Announcement } from './announcement.ts'
import { ClaimTurns } from './claim-turns.ts'
import { injectPackets } from './openflow.ts'
import type { SwitchView } from './switch-database.ts'

/** After ovn-controller's claim is known, in milliseconds: again, since a frame can be lost, come before the last one of the node before, or before the first network outside is patched in. */
const MOMENTS_MS = [0, 100, 300, 700]
const INJECT_TIMEOUT_MS = 1000

export interface GatewayAnnouncerOptions {
  node: string
  switch: SwitchView
  /** Of the switch's sockets. */
  switchDir: string
  log: Logger
}

export interface SouthboundAccess {
  remotes: readonly Remote[]
  /** Called for each connection. */
  tls?: () => TlsIdentity
}

/**
 * Tells the physical network at once that a router's gateway has come to this node. ovn-controller announces it a second after its claim
 * (add_garp_rarp, a constant), until which switches send to the node that had it before, when that one is dead but its link is not.
 * OVN decides who has a gateway; this follows its southbound database, and without it takes only longer.
 */
export class GatewayAnnouncer {
  readonly #options: GatewayAnnouncerOptions
  readonly #stop = new AbortController()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #turns = new ClaimTurns()
  #client: OvsdbClient | undefined
  #following: string | undefined

  constructor(options: GatewayAnnouncerOptions) {
    this.#options = options
  }

  /** Follows that database from now on; undefined: none, for a node that carries no gateways. */
  async follow(access: SouthboundAccess | undefined): Promise<void> {
    const following = access && JSON.stringify(access.remotes)
    if (following === this.#following) return
    this.#following = following
    await this.#client?.close()
    this.#client = undefined
    if (!access || this.#stop.signal.aborted) return
    const { node, log } = this.#options
    const client = new OvsdbClient({
      ...access,
      database: 'OVN_Southbound',
      tables: tablesOf(node),
      onDisconnect: (err) => log.warn({ err }, 'gateways are announced late: no southbound database'),
    })
    client.onChange((changes) => this.#update(client, changes))
    client.start(this.#stop.signal)
    this.#client = client
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#client?.close()
  }

  #update(client: Pick<OvsdbClient, 'rows' | 'synced'>, changes: readonly RowChange[]): void {
    const claimed = gatewaysThatCame(changes, this.#options.node, client.rows('Chassis'), !client.synced)
    // One that another node takes back each time is left to the node that comes first, by which all others send.
    const come = claimed.filter(
      (uuid) => !this.#turns.note(uuid) || this.#isFirst(client.rows('Port_Binding').get(uuid)),
    )
    if (come.length === 0) return
    this.#options.log.info({ gateways: come.length }, 'gateways have come to this node')
    for (const ms of MOMENTS_MS) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.#announce(client, come)
      }, ms)
      this.#timers.add(timer)
    }
  }

  #isFirst(binding: OvsRow | undefined): boolean {
    return readMap(binding?.['external_ids'])[GATEWAY_NODE_KEYS[0]] === this.#options.node
  }

  /** Those of them that it still has. */
  #announce(client: Pick<OvsdbClient, 'rows'>, gateways: readonly string[]): void {
    const { node, switch: view, switchDir, log } = this.#options
    const [bindings, chassis] = [client.rows('Port_Binding'), client.rows('Chassis')]
    const byBridge = new Map<string, Announcement[]>()
    for (const uuid of gateways) {
      const row = bindings.get(uuid)
      const announcement = row && isCarriedBy(node, row, chassis) ? announcementOf(row, bindings, view) : undefined
      if (announcement) byBridge.set(announcement.bridge, [...(byBridge.get(announcement.bridge) ?? []), announcement])
    }
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(INJECT_TIMEOUT_MS)])
    for (const [bridge, packets] of byBridge) {
      injectPackets(join(switchDir, `${bridge}.mgmt`), packets, signal).catch((err: unknown) => {
        if (!this.#stop.signal.aborted) log.warn({ err, bridge }, 'cannot announce gateways; OVN does within a second')
      })
    }
  }
}

/** Gateways that the node may carry, which lead to each network outside, and the node itself. ovn-sb(5). */
function tablesOf(node: string): Record<string, MonitoredTable> {
  return {
    Port_Binding: {
      columns: ['logical_port', 'chassis', 'mac', 'tag', 'external_ids'],
      where: [
        ...GATEWAY_NODE_KEYS.map((key) => ['external_ids', 'includes', mapOf({ [key]: node })] as const),
        ['type', '==', 'localnet'],
      ],
    },
    Chassis: { columns: ['name'], where: [['name', '==', node]] },
  }
}
