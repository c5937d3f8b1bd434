// SPDX-License-Identifier: Apache-2.0
import type { OpenConnection } from '../open-spec.ts'

const POLICY = { encryptionAlgorithm: 'aes-256-gcm-16', authAlgorithm: 'sha256', pfs: 'group19' } as const

/** One that a node may be told, opened. */
export const CONNECTION: OpenConnection = {
  ...{ uid: 'c1', peerAddress: '203.0.113.9', peerID: '203.0.113.9', localID: '203.0.113.5' },
  ...{ peerCIDRs: ['10.2.0.0/24'], localCIDRs: ['10.1.0.0/24'], preSharedKey: '0123456789abcdef' },
  ikePolicy: { ...POLICY, lifetimeSeconds: 14_400 },
  ipsecPolicy: { ...POLICY, lifetimeSeconds: 3600 },
  ...{ dpdSeconds: 30, initiates: true },
}
