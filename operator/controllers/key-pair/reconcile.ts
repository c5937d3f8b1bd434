// SPDX-License-Identifier: Apache-2.0
import type { Instance, KeyPair } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForUsers } from '../common/in-use.ts'
import { parsePublicKey } from './public-key.ts'

/** Data as well, but documents of machines are made from it as long as they live. */
export function reconcileKeyPair(keyPair: KeyPair, deps: { caches: { instances: Cache<Instance> } }): Outcome {
  const status = (keyPair.status ??= {})
  if (keyPair.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = deps.caches.instances.listBy('keyPair', keyOfObject(keyPair))
    return waitForUsers([['Instance', users]]) ?? released
  }
  const { type, fingerprint } = parsePublicKey(keyPair.spec.publicKey)
  status.keyType = type
  status.fingerprint = fingerprint
  status.state = 'ACTIVE'
  return done
}
