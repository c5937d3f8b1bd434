// SPDX-License-Identifier: Apache-2.0
// The metrics that each process exports, from the registries that the processes themselves make: nothing is listed by hand.
import { KubeConfig } from '@kubernetes/client-node'
import type { Registry } from 'prom-client'
import { AgentMetrics } from '../../agents/metrics/agent-metrics.ts'
import { ConsoleMetrics } from '../../console/metrics.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { createLogger } from '../../lib/log.ts'
import { LoopMetrics } from '../../lib/loop/metrics.ts'
import { NodeLoads } from '../../operator/bus/node-loads.ts'
import { watchStore } from '../../operator/leadership/candidate.ts'
import { registerOperatorMetrics } from '../../operator/metrics/operator-metrics.ts'

export const PROCESSES = ['operator', 'agent', 'console'] as const
export type ProcessName = (typeof PROCESSES)[number]

export interface ExportedMetric {
  name: string
  help: string
  type: 'counter' | 'gauge' | 'histogram'
  labels: readonly string[]
}

/** Nothing is dialled, and no informer started. */
export function registriesOf(version = 'test'): Record<ProcessName, Registry> {
  const metrics = new LoopMetrics()
  const client = new HttpKubeClient(new KubeConfig())
  const { informers, watched } = watchStore({ client, log: createLogger('metrics', 'silent') })
  registerOperatorMetrics(metrics, { informers, watched, loads: new NodeLoads(), version })
  const agent = new AgentMetrics(version)
  agent.read({ load: () => ({ urgent: 0, waiting: 0, long: 0, oldestSeconds: 0 }), states: () => [], pending: () => 0 })
  agent.switchConnection(() => true)
  const console = new ConsoleMetrics(version)
  console.sessions(() => 0)
  return { operator: metrics.registry, agent: agent.registry, console: console.registry }
}

/** Those of ours; beside them each process has `process_*` and `nodejs_*` of prom-client. By name. */
export function exportedBy(registry: Registry): ExportedMetric[] {
  return registry
    .getMetricsAsArray()
    .map((metric) => metric as unknown as ExportedMetric & { labelNames: readonly string[] })
    .filter(({ name }) => name.startsWith('nephele_'))
    .map(({ name, help, type, labelNames }) => ({ name, help, type, labels: labelNames.filter((l) => l !== 'le') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The names of the series of a metric, as a query reads them. */
export function seriesOf({ name, type }: Pick<ExportedMetric, 'name' | 'type'>): string[] {
  return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
}

export function exportedMetrics(): Record<ProcessName, ExportedMetric[]> {
  const { operator, agent, console } = registriesOf()
  return { operator: exportedBy(operator), agent: exportedBy(agent), console: exportedBy(console) }
}
