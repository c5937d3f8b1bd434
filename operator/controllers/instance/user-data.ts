// SPDX-License-Identifier: Apache-2.0
import { USER_DATA_LABEL } from '../../../lib/api/kinds.ts'
import type { Instance, Secret } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { KubeReader } from '../../../lib/kube/client.ts'
import { backoffMs } from '../../../lib/time/backoff.ts'
import { wasPlaced } from '../../placed/placement.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { findSecret, SECRETS_ROLE } from '../../secrets/read-secret.ts'

export const MAX_USER_DATA_BYTES = 64 * 1024
const DEFAULT_KEY = 'userData'
const RETRY_MS = 10_000
/** Secrets that are wrong or forbidden are read again with backoff: they cannot be watched, and most are fixed soon or never. */
const WRONG = { baseMs: 10_000, capMs: 600_000 }

/** The user data that a node was given for this machine before, or undefined. */
export type GivenBefore = () => Promise<string | undefined>

/**
 * User data as base64. Secrets are read one by one, never listed or watched, and kept for the life of this process: a guest reads user
 * data at its first boot only, and steady state must cause no reads. Once the machine is built its Secret may be deleted, and the machine
 * can still be stopped and started.
 */
export class UserDataStore {
  readonly #byInstance = new Map<string, string>()
  /** By Instance: how many times in a row its Secret could not be read or used. */
  readonly #failures = new Map<string, number>()
  readonly #ownNamespace: string

  /** @param ownNamespace the namespace of the operator's ServiceAccount, for messages */
  constructor(ownNamespace: string) {
    this.#ownNamespace = ownNamespace
  }

  forget(instanceUid: string): void {
    this.#byInstance.delete(instanceUid)
    this.#failures.delete(instanceUid)
  }

  /** @throws TerminalError `UserDataTooLarge` for user data in the spec itself */
  async find(
    instance: Instance,
    client: Pick<KubeReader, 'find'>,
    signal: AbortSignal,
    givenBefore: GivenBefore = async () => undefined,
  ): Promise<Found<string | undefined>> {
    const { userData, userDataSecretRef: ref } = instance.spec
    const { uid, namespace } = instance.metadata
    if (userData !== undefined) {
      const base64 = Buffer.from(userData, 'utf8').toString('base64')
      if (isTooLarge(base64))
        throw new TerminalError('UserDataTooLarge', tooLarge(base64, 'spec.userData', 'write less'))
      return found(base64)
    }
    if (!ref) return found(undefined)
    const known = this.#byInstance.get(uid)
    if (known !== undefined) return found(known)
    const before = await givenBefore()
    if (before !== undefined) {
      this.#byInstance.set(uid, before)
      return found(before)
    }
    const secret = await findSecret(
      { ...(namespace === undefined ? {} : { namespace }), name: ref.name },
      { client, signal },
    )
    if (secret === 'forbidden') return this.#refuse(uid, 'SecretNotPermitted', this.#notPermitted(instance))
    const refused = secret && whyNot(secret, instance)
    if (refused !== undefined) return this.#refuse(uid, 'SecretNotUserData', refused)
    const key = ref.key ?? DEFAULT_KEY
    const data = secret?.data?.[key]
    if (data === undefined) {
      const what = secret ? `has no key ${key}` : 'does not exist'
      return missing(
        'SecretNotFound',
        `Secret ${namespace ?? ''}/${ref.name} in spec.userDataSecretRef ${what}: write it`,
        RETRY_MS,
      )
    }
    if (isTooLarge(data))
      return this.#refuse(uid, 'UserDataTooLarge', tooLarge(data, `Secret ${ref.name} in spec.userDataSecretRef`, HELP))
    this.#byInstance.set(uid, data)
    return found(data)
  }

  #notPermitted({ metadata: { namespace = '' }, spec }: Instance): string {
    return (
      `the operator may not read Secret ${spec.userDataSecretRef?.name ?? ''} in spec.userDataSecretRef, since namespace ${namespace} ` +
      `lets it read none: if machines may be given marked Secrets of this namespace, run kubectl create rolebinding -n ${namespace} ` +
      `${SECRETS_ROLE} --clusterrole=${SECRETS_ROLE} --serviceaccount=${this.#ownNamespace}:nephele-operator, ` +
      'which is noticed within ten minutes; or write spec.userData in a new Instance'
    )
  }

  #refuse(uid: string, reason: string, message: string): Found<string | undefined> {
    const failures = (this.#failures.get(uid) ?? 0) + 1
    this.#failures.set(uid, failures)
    return missing(reason, message, backoffMs(failures, WRONG))
  }
}

/**
 * The guest, and so anybody who may create Instances, can read the Secret: it must be marked for that use. A machine that was placed
 * already has its user data, perhaps from a version that required no mark.
 */
function whyNot({ type, metadata }: Secret, { spec, status }: Instance): string | undefined {
  const { namespace = '' } = metadata
  const name = spec.userDataSecretRef?.name ?? ''
  const what = `Secret ${name} in spec.userDataSecretRef`
  if (type === TOKEN_TYPE) return `${what} is a service account's token, which no machine is given: name another one`
  if (metadata.labels?.[USER_DATA_LABEL] === 'true' || wasPlaced({ status })) return undefined
  return (
    `${what} is not marked as user data: if machines may have what is in it, run ` +
    `kubectl label secret -n ${namespace} ${name} ${USER_DATA_LABEL}=true, which is noticed within ten minutes`
  )
}

const TOKEN_TYPE = 'kubernetes.io/service-account-token'
const HELP = 'write less into it, which is noticed within ten minutes, or name another one'

function isTooLarge(base64: string): boolean {
  return Buffer.byteLength(base64, 'base64') > MAX_USER_DATA_BYTES
}

function tooLarge(base64: string, field: string, help: string): string {
  const bytes = Buffer.byteLength(base64, 'base64')
  return `${field} has ${bytes} bytes, at most ${MAX_USER_DATA_BYTES} are possible: ${help}. The machine can fetch the rest itself`
}
