// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto'
import { CERTIFICATE_ENDS } from '../../lib/pki/certificate-ends.ts'
import {
  createAuthority,
  isAnsweredBy,
  isDueForRenewal,
  loadAuthority,
  renewAuthority,
  signRequest,
  type Authority,
  type Subject,
} from '../../lib/pki/authority.ts'
import { createPrivateKey, createRequest } from '../../lib/pki/key.ts'
import { CONFIG_MAP, SECRET } from '../../lib/api/kinds.ts'
import { ensureData, keepUnless, type Data, type Store } from './secrets.ts'

const AUTHORITY_DAYS = 3650
const SERVER_DAYS = 730
const TYPE = 'kubernetes.io/tls'

export interface CertificateWanted {
  /** Of the Secret. */
  name: string
  authority: Authority
  subject: Subject
  /** Put beside it. */
  more: Data
  /** Absent: both. */
  usage?: 'client'
}

/** Authorities and certificates as Secrets; all are renewed at two thirds of their life. */
export class Certificates {
  readonly #store: Store
  readonly #now: Date
  /** By name of the Secret. */
  readonly #ends = new Map<string, Date>()

  constructor(store: Store, now: Date) {
    this.#store = store
    this.#now = now
  }

  /** @throws when what is in the Secret is no authority: nothing is put in its place, since others trust it */
  async authority(name: string, commonName: string, days = AUTHORITY_DAYS): Promise<Authority> {
    const now = this.#now
    const renew = async (found: Data | undefined): Promise<Data> => {
      if (!found) return toData(await createAuthority(commonName, days, now))
      const authority = await load(name, found)
      if (!isDueForRenewal(authority.certificate.toString('pem'), now)) return found
      const renewed = await renewAuthority(authority, days, now)
      return renewed ? toData(renewed) : found
    }
    const authority = await load(name, await ensureData(this.#store, { kind: SECRET, name, type: TYPE, renew }))
    this.#ends.set(name, authority.certificate.notAfter)
    return authority
  }

  async signed({ name, authority, subject, more, usage }: CertificateWanted): Promise<void> {
    const now = this.#now
    const isGood = async (found: Data): Promise<boolean> => {
      if (!found['tls.key'] || !found['tls.crt']) return false
      if (Object.entries(more).some(([file, text]) => found[file] !== text)) return false
      const request = await createRequest(found['tls.key'], subject.commonName)
      return isAnsweredBy(request, found['tls.crt'], subject, { authority, now })
    }
    const make = async (): Promise<Data> => {
      const key = await createPrivateKey()
      const request = await createRequest(key, subject.commonName)
      const use = usage ? { usage } : {}
      const certificate = await signRequest(request, subject, { authority, days: SERVER_DAYS, now, ...use })
      return { 'tls.crt': certificate, 'tls.key': key, ...more }
    }
    const data = await ensureData(this.#store, { kind: SECRET, name, type: TYPE, renew: keepUnless(isGood, make) })
    this.#ends.set(name, new X509Certificate(data['tls.crt'] ?? '').validToDate)
  }

  /** When each of those that were asked for ends. */
  async writeEnds(): Promise<void> {
    const ends = Object.fromEntries([...this.#ends].sort().map(([name, end]) => [name, end.toISOString()]))
    const isSame = (found: Data) =>
      JSON.stringify(Object.entries(found).sort()) === JSON.stringify(Object.entries(ends))
    await ensureData(this.#store, {
      kind: CONFIG_MAP,
      name: CERTIFICATE_ENDS,
      renew: keepUnless(isSame, async () => ends),
    })
  }
}

async function load(name: string, data: Data): Promise<Authority> {
  try {
    return await loadAuthority({ certificate: data['tls.crt'] ?? '', privateKey: data['tls.key'] ?? '' })
  } catch (cause) {
    throw new Error(
      `Secret ${name} has no authority in tls.crt and tls.key (PEM, EC P-256): restore it from a backup`,
      { cause },
    )
  }
}

function toData({ certificate, privateKey }: { certificate: string; privateKey: string }): Data {
  return { 'tls.crt': certificate, 'tls.key': privateKey }
}
