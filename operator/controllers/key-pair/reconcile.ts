// SPDX-License-Identifier: Apache-2.0
import type { KeyPair } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { parsePublicKey } from './public-key.ts'

/** Data as well, but documents of machines are made from it as long as they live. */
export function reconcileKeyPair(keyPair: KeyPair, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (keyPair.status ??= {})
  if (keyPair.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('keyPairs', keyPair, deps.caches) ?? released
  }
  const { type, fingerprint } = parsePublicKey(keyPair.spec.publicKey)
  status.keyType = type
  status.fingerprint = fingerprint
  status.state = 'ACTIVE'
  return done
}
