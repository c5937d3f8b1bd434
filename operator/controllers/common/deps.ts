// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../../lib/kube/object.ts'
import type { AddressBook } from '../../ipam/address-book.ts'
import type { RangeBook } from '../../ipam/range-book.ts'
import type { SubnetArrivals } from '../../ipam/subnet-arrivals.ts'
import type { NetworkDriver } from '../../network/network-driver.ts'
import type { QuotaBook } from '../../quota/quota-book.ts'
import type { Scheduler } from '../../scheduler/scheduler.ts'
import type { RegressionGuard } from '../../restore-guard/regression-guard.ts'
import type { PlacedDeps } from '../../placed/placed-deps.ts'
import type { UserDataStore } from '../instance/user-data.ts'
import type { SegmentPromises } from '../network/segment-promises.ts'
import type { VolumePromises } from '../volume/promises.ts'
import type { AdminPasswords } from '../../secrets/admin-passwords.ts'
import type { CertificateStore } from '../../tls/certificate-store.ts'
import type { VPNKeyStore } from '../../vpn/key-store.ts'
import type { ClaimedNodes } from './claimed-nodes.ts'
import type { CertificateWatch } from '../../bus/certificate-watch.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** What controllers share. One instance per leadership: made when the Lease is won, dropped when it is lost. */
export interface OperatorDeps extends PlacedDeps {
  readonly network: NetworkDriver
  readonly scheduler: Scheduler
  readonly quotas: QuotaBook
  readonly addresses: AddressBook
  readonly ranges: RangeBook
  readonly subnetArrivals: SubnetArrivals
  readonly claimedNodes: ClaimedNodes
  readonly volumePromises: VolumePromises
  readonly segmentPromises: SegmentPromises
  readonly waitingRoom: WaitingRoom
  /** Volumes held back by a node's report, known here before their status says so. Rebuilt by each volume's first run after a start. */
  readonly claimedVolumes: Set<ObjectKey>
  readonly regression: RegressionGuard
  readonly userData: UserDataStore
  readonly vpnKeys: VPNKeyStore
  readonly adminPasswords: AdminPasswords
  readonly certificates: CertificateStore
  /** Of the control plane; absent: nobody looks at them. */
  readonly certificateWatch?: Pick<CertificateWatch, 'condition' | 'onChange'> | undefined
  /** Of the console process, without a path; absent: there is none. */
  readonly consoleURL?: string | undefined
  /** UIDs of objects whose deletion was accepted but may not be in the caches yet. */
  readonly deletions: Set<string>
}
