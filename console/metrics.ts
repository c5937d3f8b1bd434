// SPDX-License-Identifier: Apache-2.0
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { registerBuildInfo } from '../lib/metrics/build-info.ts'
import { BusMetrics } from '../lib/metrics/bus-metrics.ts'
import { CertificateMetrics } from '../lib/metrics/certificate-metrics.ts'

/** What /metrics of the console process shows. */
export class ConsoleMetrics {
  readonly registry = new Registry()
  readonly bus: BusMetrics
  readonly certificates: CertificateMetrics

  constructor(version: string) {
    collectDefaultMetrics({ register: this.registry })
    registerBuildInfo(this.registry, 'console', version)
    this.bus = new BusMetrics(this.registry)
    this.certificates = new CertificateMetrics(this.registry)
  }

  /** Read at each scrape. */
  sessions(open: () => number): void {
    new Gauge({
      name: 'nephele_console_sessions',
      help: 'Consoles that are open, or about to be',
      registers: [this.registry],
      collect() {
        this.set(open())
      },
    })
  }
}
