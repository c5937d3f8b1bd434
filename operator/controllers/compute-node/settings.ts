// SPDX-License-Identifier: Apache-2.0
import type { NodeCertificates } from '../../bus/certificates.ts'
import type { NbdCertificates } from '../../bus/nbd-certificates.ts'

export interface NodeSettings {
  /** OVN's southbound database as agents reach it; absent: no networks. */
  ovnRemote?: string
  /** Absent: nodes get no certificates. */
  certificates?: Pick<NodeCertificates, 'ensure'>
  /** Absent: no volume is served over NBD. */
  nbdCertificates?: Pick<NbdCertificates, 'ensure'>
  /** How often certificates' ages are checked; they are renewed after two thirds of their life. Default: 12 hours. */
  certificateCheckMs?: number
}
