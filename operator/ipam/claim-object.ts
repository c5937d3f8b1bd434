// SPDX-License-Identifier: Apache-2.0
import { GROUP, IP_CLAIM, MANAGED_BY, MANAGED_BY_LABEL, VERSION } from '../../lib/api/kinds.ts'
import type { IPClaim } from '../../lib/api/types.ts'
import type { KubeClient, NewObject } from '../../lib/kube/client.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../lib/kube/errors.ts'
import type { BlockRef, ClaimEntry, StoredBlock } from './claim-block.ts'
import type { ClaimStore, Written } from './claim-store.ts'

export function toStoredBlock({ metadata, spec }: IPClaim): StoredBlock {
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    subnetUid: spec.subnetRef.uid,
    subnetName: spec.subnetRef.name,
    block: spec.block,
    metadata,
    entries: spec.claims,
  }
}

/** No owner references: a block serves many Ports, and garbage-collecting it would free addresses that are in use. */
export function toClaimObject(ref: BlockRef, entries: readonly ClaimEntry[]): NewObject<IPClaim> {
  const { namespace, name, subnetName, subnetUid, block } = ref
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: IP_CLAIM.kind,
    metadata: { namespace, name, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
    spec: { subnetRef: { name: subnetName, uid: subnetUid }, block, claims: [...entries] },
  }
}

/** IPClaims in the apiserver. */
export class KubeClaimStore implements ClaimStore {
  readonly #client: KubeClient

  /** @param client fenced, and observed by the caches */
  constructor(client: KubeClient) {
    this.#client = client
  }

  async find({ namespace, name }: BlockRef): Promise<StoredBlock | undefined> {
    const claim = await this.#client.find<IPClaim>(IP_CLAIM, { namespace, name })
    return claim && toStoredBlock(claim)
  }

  async write(ref: BlockRef, base: StoredBlock | undefined, entries: readonly ClaimEntry[]): Promise<Written> {
    try {
      if (!base) return stored(await this.#client.create<IPClaim>(IP_CLAIM, toClaimObject(ref, entries)))
      if (entries.length === 0) return await this.#remove(ref, base)
      return stored(await this.#client.update<IPClaim>(IP_CLAIM, toChanged(ref, base, entries)))
    } catch (error) {
      const isStale = base ? isConflict(error) || isNotFound(error) : isAlreadyExists(error)
      if (isStale) return { kind: 'conflict' }
      throw error
    }
  }

  async #remove({ namespace, name }: BlockRef, { metadata }: StoredBlock): Promise<Written> {
    const { uid, resourceVersion } = metadata
    await this.#client.remove(IP_CLAIM, { namespace, name }, { preconditions: { uid, resourceVersion } })
    return { kind: 'removed' }
  }
}

function stored(claim: IPClaim): Written {
  return { kind: 'stored', block: toStoredBlock(claim) }
}

/** Keeps metadata that others have added, such as a backup tool's labels. */
function toChanged(ref: BlockRef, { metadata }: StoredBlock, entries: readonly ClaimEntry[]): IPClaim {
  const object = toClaimObject(ref, entries)
  return {
    ...object,
    metadata: { ...metadata, ...object.metadata, labels: { ...metadata.labels, ...object.metadata.labels } },
  }
}
