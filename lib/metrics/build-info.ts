// SPDX-License-Identifier: Apache-2.0
import { Gauge, type Registry } from 'prom-client'

/** Which process this is, and of which version: a line of value 1, for joins and for who asks what runs. */
export function registerBuildInfo(registry: Registry, component: string, version: string): void {
  new Gauge({
    name: 'nephele_build_info',
    help: 'Always 1; the labels say which process this is, its version and that of Node.js',
    labelNames: ['component', 'version', 'node_version'],
    registers: [registry],
  }).set({ component, version, node_version: process.version }, 1)
}
