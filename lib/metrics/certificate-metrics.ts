// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Gauge, type Registry } from 'prom-client'

/** Until when certificates hold. Names are of a closed list, and say what each is for. */
export class CertificateMetrics {
  /** Those that are files, which are renewed under a running process. */
  readonly #files = new Map<string, string>()
  /** Seconds since 1970. */
  readonly #ends = new Map<string, number>()

  constructor(registry: Registry) {
    const read = () => this.#read()
    new Gauge({
      name: 'nephele_certificate_expiration_timestamp_seconds',
      help: 'When a certificate that this process has ends to be valid, in seconds since 1970',
      labelNames: ['certificate'],
      registers: [registry],
      async collect() {
        this.reset()
        for (const [certificate, seconds] of await read()) this.set({ certificate }, seconds)
      },
    })
  }

  /** Is read at each scrape; shown while there is one. PEM: of several the first counts. */
  file(certificate: string, path: string): void {
    this.#files.set(certificate, path)
  }

  known(certificate: string, notAfter: Date): void {
    this.#ends.set(certificate, notAfter.getTime() / 1000)
  }

  async #read(): Promise<Map<string, number>> {
    const ends = new Map(this.#ends)
    for (const [certificate, path] of this.#files) {
      const end = await endOf(path)
      if (end !== undefined) ends.set(certificate, end)
    }
    return ends
  }
}

async function endOf(path: string): Promise<number | undefined> {
  try {
    return new X509Certificate(await readFile(path)).validToDate.getTime() / 1000
  } catch {
    // Not there yet, or not whole: whoever needs it says so.
    return undefined
  }
}
