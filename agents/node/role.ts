// SPDX-License-Identifier: Apache-2.0
// What a role of the agent (compute, network, storage, image) gets and provides.
import type { NodeSpec } from '../../lib/contract/documents.ts'
import type { Inventory } from '../../lib/contract/documents.ts'
import type { Logger } from '../../lib/log.ts'
import type { AgentMetrics } from '../metrics/agent-metrics.ts'
import type { KindReconciler } from '../runtime/reconciler.ts'
import type { ImageServer } from '../transfer/image-server.ts'
import type { SealingKey } from './sealing-key.ts'

/**
 * Contributes a part of the node's inventory: hypervisor, dpdk and ovs, pools. Collected at the start, every minute, and when the role
 * calls `inventoryChanged`; published only when it differs. Leave out what is not known: failing to find out is not a change.
 */
export interface InventorySource {
  readonly name: string
  collect(
    signal: AbortSignal,
  ): Promise<
    Partial<
      Pick<
        Inventory,
        | 'dedicatedCpus'
        | 'hypervisor'
        | 'dpdk'
        | 'ovs'
        | 'physicalNetworks'
        | 'pciDevices'
        | 'resolver'
        | 'pools'
        | 'imageStores'
        | 'imageCache'
        | 'encapAddress'
      >
    >
  >
}

/** Paths of a key, its certificate and their authority, present once the operator has signed; the files are replaced atomically. */
export interface CertifiedFiles {
  /** PEM, PKCS #8; never leaves the node. */
  keyFile: string
  certificateFile: string
  authorityFile: string
}

/** The credentials by which volumes are opened and served. */
export interface NbdFiles {
  client: CertifiedFiles
  server: CertifiedFiles
}

/** What the network role finds out about the host's switch, for other roles. Changes while the agent runs. */
export interface HostSwitch {
  /** Undefined until the switch has been asked. */
  datapath?: 'system' | 'netdev'
  /** CPUs that its threads poll on: no machine's. */
  pmdCpus?: readonly number[]
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
  sealing: Pick<SealingKey, 'open'>
  hostSwitch: HostSwitch
  /** Hands files of images to other nodes; absent: none. */
  imageServer?: Pick<ImageServer, 'offer' | 'withdraw'>
  /** Absent: the driver's default. */
  nbdReconnectSeconds?: number | undefined
  log: Logger
  metrics: Pick<AgentMetrics, 'measure' | 'switchConnection'>
  /** Says it to whoever listens on the bus; lost while there is no connection. */
  say(subject: string, data: string | Uint8Array): void
  /** Hears what is said there from now on, whenever there is a connection. */
  listen(subject: string, heard: (subject: string, data: Uint8Array) => void): void
  /** Collects the inventory and compares it now. */
  inventoryChanged(): void
}

export interface AgentRole {
  readonly name: string
  readonly reconcilers: readonly KindReconciler[]
  readonly inventory?: readonly InventorySource[]
  /**
   * The node's own document changed: roles, pools, southbound database, certificate (already on disk). May run twice with the same
   * document. Errors are retried with back-off and reported as the node's.
   */
  configure?(spec: NodeSpec, signal: AbortSignal): Promise<void>
  /** Ends what the role itself runs; never guests, switches or daemons. */
  stop?(): Promise<void>
}
