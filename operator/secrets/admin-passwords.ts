// SPDX-License-Identifier: Apache-2.0
import { ADMIN_PASSWORD_LABEL } from '../../lib/api/kinds.ts'
import type { InstanceAction } from '../../lib/api/types.ts'
import { passwordUse } from '../../lib/contract/documents.ts'
import { isPassword } from '../../lib/contract/guest-password.ts'
import { keyOfRef, type ObjectKey } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { recipientOf, seal, type SealedText } from '../../lib/pki/sealed.ts'
import { Listeners } from '../bus/listeners.ts'
import { readSecret, type SecretAccess } from './read-secret.ts'

/** Secrets are not watched (decision 32), and what waits for one waits a minute at most. */
const LOOK_AGAIN_MS = 10_000

/** Where a password is to be read, and nowhere else. */
interface PasswordPlace {
  node: string
  /** Of the node, as it announces it; undefined: not known. */
  sealingKey: string | undefined
  instanceUID: string
}

/**
 * Passwords of InstanceActions of type SetAdminPassword, sealed: each is read once from its Secret, sealed for the node of the machine, and not kept. It
 * is sealed once, so that its document does not change.
 */
export class AdminPasswords {
  readonly #byAction = new Map<string, { node: string; sealed: SealedText }>()
  readonly #changed = new Listeners<ObjectKey>()
  readonly #ownNamespace: string

  /** @param ownNamespace the namespace of the operator's ServiceAccount, for messages */
  constructor(ownNamespace: string) {
    this.#ownNamespace = ownNamespace
  }

  /** Called with the key of the machine whose document can have a password now. */
  onChange(listener: (machine: ObjectKey) => void): () => void {
    return this.#changed.add(listener)
  }

  find(actionUid: string, node: string): SealedText | undefined {
    const known = this.#byAction.get(actionUid)
    return known?.node === node ? known.sealed : undefined
  }

  /** One that was sealed before, by an operator before this one. */
  recall(actionUid: string, node: string, sealed: SealedText): void {
    this.#byAction.set(actionUid, { node, sealed })
  }

  forget(actionUid: string): void {
    this.#byAction.delete(actionUid)
  }

  /** Reads it and seals it, unless that is done. @returns why it cannot be had; the text is in none of it */
  async prepare(
    action: InstanceAction,
    { node, sealingKey, instanceUID }: PasswordPlace,
    access: SecretAccess,
  ): Promise<Outcome | undefined> {
    const { uid, namespace = '' } = action.metadata
    if (sealingKey === undefined) {
      const help = `upgrade its agent, or look into its log (kubectl get computenode ${node})`
      return waitFor('SealingKeyMissing', `node ${node} announces no key for which a password could be sealed: ${help}`)
    }
    const known = this.find(uid, node)
    if (known !== undefined && recipientOf(known) === sealingKey) return undefined
    const read = await this.#read(action, access)
    if ('lacks' in read) return read.lacks
    const purpose = { node, uid: instanceUID, ...passwordUse(uid) }
    this.#byAction.set(uid, { node, sealed: seal(read.password, sealingKey, purpose) })
    this.#changed.emit(keyOfRef({ namespace, name: action.spec.instanceRef.name }))
    return undefined
  }

  async #read(
    { metadata, spec }: InstanceAction,
    access: SecretAccess,
  ): Promise<{ password: string } | { lacks: Outcome }> {
    const { namespace = '' } = metadata
    const { name = '', key = 'password' } = spec.setAdminPassword?.passwordSecretRef ?? {}
    const what = `Secret ${namespace}/${name} in spec.setAdminPassword.passwordSecretRef`
    const lacks = (reason: string, message: string) => ({ lacks: waitFor(reason, message, LOOK_AGAIN_MS) })
    const read = await readSecret({ namespace, name }, what, this.#ownNamespace, access)
    if (!read.ok) return lacks(read.reason, read.message)
    const { secret } = read
    if (secret.metadata.labels?.[ADMIN_PASSWORD_LABEL] !== 'true') {
      const help = `run kubectl label secret -n ${namespace} ${name} ${ADMIN_PASSWORD_LABEL}=true`
      return lacks('SecretNotAdminPassword', `${what} is not marked as a password for guests: ${help}`)
    }
    const data = secret.data?.[key]
    if (data === undefined) return lacks('SecretNotFound', `${what} has no key ${key}: write it`)
    const password = Buffer.from(data, 'base64').toString('utf8')
    if (isPassword(password)) return { password }
    const help =
      'write 1 to 128 bytes of printable characters, without a line break: kubectl create secret --from-literal'
    return lacks('AdminPasswordInvalid', `${what}, key ${key}, is no password that a guest takes: ${help}`)
  }
}
