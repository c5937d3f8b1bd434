// SPDX-License-Identifier: Apache-2.0
// What a VPN's document has sealed for this node alone, opened: for charon, and for nobody's disk.
import {
  PRE_SHARED_KEY,
  sealedVpnUse,
  VpnCertificate,
  type VpnConnection,
  type VpnSpec,
} from '../../lib/contract/vpn.ts'
import { TransientError } from '../../lib/errors.ts'
import type { SealedText } from '../../lib/pki/sealed.ts'
import type { SealingKey } from '../node/sealing-key.ts'

export interface OpenConnection extends VpnConnection {
  /** Absent: it has a certificate. */
  preSharedKey?: string
}

export interface OpenSpec {
  outside: Pick<VpnSpec['outside'], 'addresses'>
  connections: readonly OpenConnection[]
  certificates: Readonly<Record<string, VpnCertificate>>
}

/** Of one VPN: each sealed text is opened once. */
export class KeyOpener {
  #opened = new Map<SealedText, string>()

  /** @throws TransientError `SealedForAnotherKey`, `KeyInvalid` */
  async open(uid: string, spec: VpnSpec, sealing: Pick<SealingKey, 'open'>): Promise<OpenSpec> {
    const opened = new Map<SealedText, string>()
    const openOne = async (sealed: SealedText, purpose: { kind: string; use: string }): Promise<string> => {
      const text = this.#opened.get(sealed) ?? (await sealing.open(sealed, { uid, ...purpose }))
      opened.set(sealed, text)
      return text
    }
    const certificates: Record<string, VpnCertificate> = {}
    for (const [id, { chain, authorities, sealedKey }] of Object.entries(spec.certificates ?? {})) {
      const privateKey = await openOne(sealedKey, sealedVpnUse.certificate(id))
      const parsed = VpnCertificate.safeParse({ chain, authorities, privateKey })
      if (!parsed.success) throw invalid()
      certificates[id] = parsed.data
    }
    const connections: OpenConnection[] = []
    for (const { sealedKey, ...connection } of spec.connections) {
      const key = sealedKey && (await openOne(sealedKey, sealedVpnUse.connection(connection.uid)))
      if (key !== undefined && !PRE_SHARED_KEY.test(key)) throw invalid()
      connections.push(key === undefined ? connection : { ...connection, preSharedKey: key })
    }
    this.#opened = opened
    return { outside: spec.outside, connections, certificates }
  }
}

/** Without what the text could tell. */
function invalid(): TransientError {
  return new TransientError(
    'KeyInvalid',
    'a key that was sealed for the node is none that a VPN can have: it is not taken',
  )
}
