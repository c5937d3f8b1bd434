// SPDX-License-Identifier: Apache-2.0
// A key that is made here and never leaves the node, and its certificate: the operator signs it and returns it in the node's document
// (docs/decisions/0003).
import { X509Certificate, createPrivateKey as readPrivateKey } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'
import type { Logger } from '../../lib/log.ts'
import { createPrivateKey, createRequest } from '../../lib/pki/key.ts'
import type { CertifiedFiles } from './role.ts'

/** The fraction of the certificate's life after which a new key is made. */
const RENEW_AFTER = 2 / 3

export interface CertifiedKeyOptions {
  dir: string
  /** In `dir`. */
  names: { key: string; certificate: string; authority: string }
  commonName: string
  /** For the log: what it is for. */
  purpose: string
  /** Whether a new key is made late in the certificate's life. If not, the key stays, whatever certificate comes for it. */
  rekeys: boolean
  log: Logger
}

export class CertifiedKey {
  readonly files: CertifiedFiles
  readonly #options: CertifiedKeyOptions

  constructor(options: CertifiedKeyOptions) {
    this.#options = options
    this.files = {
      keyFile: this.#path(options.names.key),
      certificateFile: this.#path(options.names.certificate),
      authorityFile: this.#path(options.names.authority),
    }
  }

  /**
   * The certificate request for the operator to sign, PEM: for the key in use; or for a new key, when there is none, or when its
   * certificate is missing or about to expire and the key may change. Returns the same text until then.
   */
  async request(now: Date): Promise<string> {
    const { dir, commonName, purpose, rekeys, log } = this.#options
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const pending = await readIfThere(this.#path('next.key'))
    const inUse = await readIfThere(this.files.keyFile)
    const stands = inUse !== undefined && (!rekeys || !(await this.#isDue(now)))
    const request = await readIfThere(this.#path('request.pem'))
    if (request !== undefined && (pending !== undefined || stands)) return request
    const key = pending ?? (stands ? inUse : await createPrivateKey())
    if (pending === undefined && key !== inUse) await writeWhole(this.#path('next.key'), key)
    const next = await createRequest(key, commonName)
    await writeWhole(this.#path('request.pem'), next)
    log.info({ node: commonName, purpose }, 'certificate requested')
    return next
  }

  /**
   * Stores the signed certificate beside its key. May run twice; a certificate for a key that we do not hold is ignored.
   * @returns whether there is a certificate that is valid now
   */
  async accept(certificate: string | undefined, authority: string | undefined, now: Date): Promise<boolean> {
    if (certificate !== undefined && authority !== undefined && (await this.#isNew(certificate, authority))) {
      const { commonName, purpose, log } = this.#options
      const pending = await readIfThere(this.#path('next.key'))
      const inUse = await readIfThere(this.files.keyFile)
      if (pending !== undefined && isFor(certificate, pending)) await rename(this.#path('next.key'), this.files.keyFile)
      else if (inUse === undefined || !isFor(certificate, inUse)) return this.#isValid(now)
      await writeWhole(this.files.certificateFile, certificate)
      await writeWhole(this.files.authorityFile, authority)
      log.info({ node: commonName, purpose }, 'certificate received')
    }
    return this.#isValid(now)
  }

  async #isNew(certificate: string, authority: string): Promise<boolean> {
    const have = await readIfThere(this.files.certificateFile)
    return have !== certificate || (await readIfThere(this.files.authorityFile)) !== authority
  }

  async #isValid(now: Date): Promise<boolean> {
    const certificate = await this.#certificate()
    return certificate !== undefined && now >= certificate.validFromDate && now < certificate.validToDate
  }

  async #isDue(now: Date): Promise<boolean> {
    const certificate = await this.#certificate()
    if (!certificate) return true
    const start = certificate.validFromDate.getTime()
    return now.getTime() >= start + (certificate.validToDate.getTime() - start) * RENEW_AFTER
  }

  async #certificate(): Promise<X509Certificate | undefined> {
    const pem = await readIfThere(this.files.certificateFile)
    const key = await readIfThere(this.files.keyFile)
    if (pem === undefined || key === undefined || !isFor(pem, key)) return undefined
    return new X509Certificate(pem)
  }

  #path(name: string): string {
    return join(this.#options.dir, name)
  }
}

function isFor(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(readPrivateKey(key))
  } catch {
    return false
  }
}
