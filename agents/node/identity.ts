// SPDX-License-Identifier: Apache-2.0
// The node's certificate (docs/decisions/0003): the key is made here and never leaves; the operator signs, and returns the certificate
// in the node's document.
import { X509Certificate, createPrivateKey as readPrivateKey } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'
import type { Logger } from '../../lib/log.ts'
import { createPrivateKey, createRequest } from '../../lib/pki/key.ts'
import type { NodeIdentityFiles } from './role.ts'

/** Part of the certificate's life after which a new key is made. */
const RENEW_AFTER = 2 / 3

export class NodeIdentity {
  readonly files: NodeIdentityFiles
  readonly #node: string
  readonly #dir: string
  readonly #log: Logger

  constructor(stateDir: string, node: string, log: Logger) {
    this.#dir = join(stateDir, 'pki')
    this.#node = node
    this.#log = log
    this.files = {
      keyFile: join(this.#dir, 'node.key'),
      certificateFile: join(this.#dir, 'node.crt'),
      authorityFile: join(this.#dir, 'ca.crt'),
    }
  }

  /**
   * The request that the operator shall sign, PEM: for the key in use, or, when its certificate is missing or near its end, for a new
   * one. The same text until then.
   */
  async request(now: Date): Promise<string> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    const pending = await readIfThere(this.#path('next.key'))
    const request = await readIfThere(this.#path('request.pem'))
    if (request !== undefined && (pending !== undefined || !(await this.#isDue(now)))) return request
    const key = pending ?? (await createPrivateKey())
    if (pending === undefined) await writeWhole(this.#path('next.key'), key)
    const next = await createRequest(key, this.#node)
    await writeWhole(this.#path('request.pem'), next)
    this.#log.info({ node: this.#node }, 'certificate requested')
    return next
  }

  /**
   * Puts the signed certificate beside its key. May run twice; one for a key we do not hold is left alone.
   * @returns whether the node has a certificate that is valid now
   */
  async accept(certificate: string | undefined, authority: string | undefined, now: Date): Promise<boolean> {
    if (certificate !== undefined && authority !== undefined && (await this.#isNew(certificate, authority))) {
      const pending = await readIfThere(this.#path('next.key'))
      const inUse = await readIfThere(this.files.keyFile)
      if (pending !== undefined && isFor(certificate, pending)) await rename(this.#path('next.key'), this.files.keyFile)
      else if (inUse === undefined || !isFor(certificate, inUse)) return this.#isValid(now)
      await writeWhole(this.files.certificateFile, certificate)
      await writeWhole(this.files.authorityFile, authority)
      this.#log.info({ node: this.#node }, 'certificate received')
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
    return join(this.#dir, name)
  }
}

function isFor(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(readPrivateKey(key))
  } catch {
    return false
  }
}
