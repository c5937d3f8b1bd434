// SPDX-License-Identifier: Apache-2.0
import { GROUP, IP_CLAIM, MANAGED_BY, MANAGED_BY_LABEL, PORT, VERSION } from '../../lib/api/kinds.ts'
import type { IPClaim } from '../../lib/api/types.ts'
import type { KubeClient, NewObject } from '../../lib/kube/client.ts'
import { isAlreadyExists } from '../../lib/kube/errors.ts'
import type { ClaimRecord, ClaimStore } from './address-book.ts'

/** On claims for a port that is about to be made: the UID of the Instance it is for. */
const INSTANCE_LABEL = 'nephele.dev/instance-uid'

export function claimInstanceUid(claim: IPClaim): string | undefined {
  return claim.metadata.labels?.[INSTANCE_LABEL]
}

export function toClaimRecord(claim: IPClaim): ClaimRecord | undefined {
  const { subnetRef, address, portRef } = claim.spec
  if (!portRef) return undefined
  const { namespace = '', name } = claim.metadata
  const instanceUid = claimInstanceUid(claim)
  return {
    namespace,
    name,
    subnetUid: subnetRef.uid,
    subnetName: subnetRef.name,
    address,
    holder: { ...portRef, ...(instanceUid === undefined ? {} : { instanceUid }) },
  }
}

export function toClaimObject(claim: ClaimRecord): NewObject<IPClaim> {
  const { namespace, name, holder } = claim
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: IP_CLAIM.kind,
    metadata: {
      namespace,
      name,
      labels: {
        [MANAGED_BY_LABEL]: MANAGED_BY,
        ...(holder.instanceUid === undefined ? {} : { [INSTANCE_LABEL]: holder.instanceUid }),
      },
      ...ownerOf(claim),
    },
    spec: {
      subnetRef: { name: claim.subnetName, uid: claim.subnetUid },
      address: claim.address,
      portRef: {
        namespace: holder.namespace,
        name: holder.name,
        ...(holder.uid === undefined ? {} : { uid: holder.uid }),
      },
    },
  }
}

/**
 * The Port, for those who prune and look for orphans. Not the Instance of a port that is about to be made: were that taken away by
 * force, the collector would free the address of a port that is still plugged.
 */
function ownerOf({ namespace, holder }: ClaimRecord): Pick<NewObject<IPClaim>['metadata'], 'ownerReferences'> {
  const { uid, name } = holder
  if (uid === undefined || holder.namespace !== namespace) return {}
  const apiVersion = `${GROUP}/${VERSION}`
  return { ownerReferences: [{ apiVersion, kind: PORT.kind, name, uid, controller: true, blockOwnerDeletion: false }] }
}

/** IPClaims in the apiserver. */
export class KubeClaimStore implements ClaimStore {
  readonly #client: KubeClient

  /** @param client fenced, and observed by the caches */
  constructor(client: KubeClient) {
    this.#client = client
  }

  async create(claim: ClaimRecord): Promise<boolean> {
    try {
      await this.#client.create<IPClaim>(IP_CLAIM, toClaimObject(claim))
      return true
    } catch (error) {
      if (isAlreadyExists(error)) return false
      throw error
    }
  }

  async find(namespace: string, name: string): Promise<ClaimRecord | undefined> {
    const claim = await this.#client.find<IPClaim>(IP_CLAIM, { namespace, name })
    return claim && toClaimRecord(claim)
  }
}
