// SPDX-License-Identifier: Apache-2.0
// What a role of the agent (compute, network, storage, image) hands to agents/main.ts.
import type { NodeSpec } from '../../lib/contract/documents.ts'
import type { Inventory } from '../../lib/contract/documents.ts'
import type { Logger } from '../../lib/log.ts'
import type { KindReconciler } from '../runtime/reconciler.ts'

/**
 * Contributes a part of the node's inventory: hypervisor, dpdk and ovs, pools. Asked at start, every minute, and when `changed` of the
 * role's context is called; published only when it differs. Leave out what is not known: a failure to ask is no change.
 */
export interface InventorySource {
  readonly name: string
  collect(
    signal: AbortSignal,
  ): Promise<Partial<Pick<Inventory, 'hypervisor' | 'dpdk' | 'ovs' | 'pools' | 'imageCache' | 'encapAddress'>>>
}

/** Where a key, its certificate and their authority lie once the operator has signed; files are replaced as a whole. */
export interface CertifiedFiles {
  /** PEM, PKCS #8; never leaves the node. */
  keyFile: string
  certificateFile: string
  authorityFile: string
}

/** What volumes are opened and served with. */
export interface NbdFiles {
  client: CertifiedFiles
  server: CertifiedFiles
}

/** What one role finds out of the host's switch, for the others. Changes while the agent runs. */
export interface HostSwitch {
  /** Undefined until the switch has been asked. */
  datapath?: 'system' | 'netdev'
}

export interface RoleContext {
  node: string
  bootId: string
  /** `/var/lib/nephele` */
  stateDir: string
  /** `/run/nephele` */
  runDir: string
  address: string
  encapAddress: string
  identity: CertifiedFiles
  nbd: NbdFiles
  hostSwitch: HostSwitch
  /** Absent: as the driver has it. */
  nbdReconnectSeconds?: number | undefined
  log: Logger
  /** Have the inventory collected and compared now. */
  inventoryChanged(): void
}

export interface AgentRole {
  readonly name: string
  readonly reconcilers: readonly KindReconciler[]
  readonly inventory?: readonly InventorySource[]
  /**
   * The node's own document changed: roles, pools, southbound database, certificate (already on disk). May run twice with the same. An
   * error is retried with back-off and reported as the node's.
   */
  configure?(spec: NodeSpec, signal: AbortSignal): Promise<void>
  /** Ends what the role itself runs; never guests, switches or daemons. */
  stop?(): Promise<void>
}
