// SPDX-License-Identifier: Apache-2.0
// The chart's alerts and its dashboard, by Prometheus' own programs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments, stringify } from 'yaml'
import { exec } from '../lib/exec.ts'
import { programPath } from '../local/build/programs.ts'
import { ALERTS_FILE, readAlerts, readDashboard } from '../scripts/monitoring/alerts.ts'
import { exportedMetrics, seriesOf } from '../scripts/monitoring/exported-metrics.ts'
import { ALERT_CASES, type AlertCase } from './monitoring/alert-cases.ts'

const CHART = join(import.meta.dirname, 'nephele')
/** What a scrape adds, by the PodMonitors' settings and Prometheus itself. */
const TARGET_LABELS = ['job', 'node', 'pod', 'namespace', 'instance', 'container']

interface Reading {
  error?: string
  selectors: { metric: string; labels: string[] }[]
  grouping: string[]
}

interface Manifest {
  kind: string
  metadata: { name: string; labels: Record<string, string> }
  spec: Record<string, never>
  data?: Record<string, string>
}

let dir: string
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nephele-monitoring-'))
  // The first time, they are built.
  for (const name of ['promtool', 'promql', 'helm'] as const) await programPath(name)
}, 30 * 60_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const promtool = async (...args: string[]) => (await exec([await programPath('promtool'), ...args], { timeoutMs: 60_000 })).stdout

async function read(expressions: readonly string[]): Promise<Reading[]> {
  const { stdout } = await exec([await programPath('promql')], { input: JSON.stringify(expressions), timeoutMs: 10_000 })
  return JSON.parse(stdout) as Reading[]
}

describe('alerts', () => {
  test('promtool takes the rules, and finds nothing to say against them', async () => {
    expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', ALERTS_FILE)).toContain('SUCCESS')
  })

  test('each has a case', () => {
    expect(ALERT_CASES.map(({ alert }) => alert).sort()).toEqual(readAlerts().map(({ alert }) => alert).sort())
  })

  test.each(ALERT_CASES)('$alert fires, and does not', async ({ alert, ...of }) => {
    expect(await judge({ alert, ...of })).toContain('SUCCESS')
  }, 60_000)

  test('a case that is wrong fails', async () => {
    const [first] = ALERT_CASES
    if (!first) throw new Error('no case')
    await expect(judge({ ...first, fires: { ...first.fires, series: first.quiet.series } })).rejects.toThrow('got:[]')
    await expect(judge({ ...first, quiet: { ...first.quiet, series: first.fires.series } })).rejects.toThrow('Labels:{alertname="NepheleNoLeader"')
  }, 60_000)
})

/** As promtool's own tests are written: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/ */
async function judge({ alert, severity, fires, alsoFires, quiet }: AlertCase): Promise<string> {
  const seriesIn = (series: Record<string, string>) =>
    Object.entries(series).map(([name, values]) => ({ series: name, values }))
  const annotations = {
    ...{ summary: fires.summary, description: fires.description },
    runbook: `docs/runbooks/${alert}.md`,
  }
  const file = join(dir, `${alert}.test.yaml`)
  writeFileSync(
    file,
    stringify({
      rule_files: [ALERTS_FILE],
      evaluation_interval: '1m',
      tests: [
        ...[fires.series, ...(alsoFires ? [alsoFires] : [])].map((series) => ({
          interval: '1m',
          input_series: seriesIn(series),
          alert_rule_test: [
            {
              ...{ eval_time: fires.at, alertname: alert },
              exp_alerts: [{ exp_labels: { severity, ...fires.labels }, exp_annotations: annotations }],
            },
          ],
        })),
        {
          interval: '1m',
          input_series: seriesIn(quiet.series),
          alert_rule_test: [{ eval_time: quiet.at, alertname: alert, exp_alerts: [] }],
        },
      ],
    }),
  )
  return promtool('test', 'rules', file)
}

describe('what is asked for is exported', () => {
  const labelsOf = new Map<string, Set<string>>([['up', new Set()]])
  for (const metric of Object.values(exportedMetrics()).flat())
    for (const series of seriesOf(metric)) labelsOf.set(series, new Set([...metric.labels, ...(labelsOf.get(series) ?? []), 'le']))
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds'])
    labelsOf.set(name, new Set())

  async function strangersIn(expressions: readonly string[]): Promise<string[]> {
    const readings = await read(expressions)
    return readings.flatMap(({ error, selectors, grouping }, at) => {
      const expression = expressions[at] ?? ''
      if (error !== undefined) return [`${expression}: ${error}`]
      const known = new Set(TARGET_LABELS)
      const wrong: string[] = []
      for (const { metric, labels } of selectors) {
        const own = labelsOf.get(metric)
        if (!own) wrong.push(`${expression}: no process exports ${metric}`)
        for (const label of labels)
          if (!own?.has(label) && !TARGET_LABELS.includes(label)) wrong.push(`${expression}: ${metric} has no label ${label}`)
        for (const label of own ?? []) known.add(label)
      }
      for (const label of grouping) if (!known.has(label)) wrong.push(`${expression}: nothing there has a label ${label}`)
      return wrong
    })
  }

  test('by alerts', async () => {
    expect(await strangersIn(readAlerts().map(({ expr }) => expr))).toEqual([])
  })

  test('and what is not is found', async () => {
    const wrong = ['nephele_no_such', 'nephele_leading{pool="x"}', 'sum by (pool) (nephele_leading)', 'sum(']
    expect(await strangersIn(wrong)).toEqual([
      'nephele_no_such: no process exports nephele_no_such',
      'nephele_leading{pool="x"}: nephele_leading has no label pool',
      'sum by (pool) (nephele_leading): nothing there has a label pool',
      expect.stringContaining('sum(: 1:5: parse error'),
    ])
  })

  test('by the dashboard', async () => {
    const panels = readDashboard().panels.filter(({ type }) => type !== 'row')
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')))
    expect(expressions.length).toBeGreaterThan(25)
    expect(await strangersIn(expressions)).toEqual([])
    expect(panels.filter(({ targets = [] }) => targets.length === 0)).toEqual([])
    expect(new Set(readDashboard().panels.map(({ id }) => id)).size).toBe(readDashboard().panels.length)
  })
})

test('the dashboard counts nodes of all reasons, and each once though two processes see it', async () => {
  const targets = readDashboard().panels.flatMap(({ targets: of = [] }) => of)
  const expr = targets.find((target) => target.expr.includes('(nephele_nodes)'))?.expr
  const file = join(dir, 'nodes.test.yaml')
  const input_series = ['a', 'b'].flatMap((pod) => [
    { series: `nephele_nodes{ready="Unknown", reason="NodeSilent", pod="${pod}"}`, values: '2' },
    { series: `nephele_nodes{ready="Unknown", reason="NodeMissing", pod="${pod}"}`, values: '1' },
  ])
  const exp_samples = [{ labels: '{ready="Unknown"}', value: 3 }]
  const tests = [{ interval: '1m', input_series, promql_expr_test: [{ expr, eval_time: '0m', exp_samples }] }]
  writeFileSync(file, stringify({ rule_files: [], tests }))
  expect(await promtool('test', 'rules', file)).toContain('SUCCESS')
}, 60_000)

describe('in the chart', () => {
  async function render(settings: readonly string[]): Promise<Manifest[]> {
    const args = ['template', 'nephele', CHART, '--namespace', 'nephele-system', ...settings.flatMap((s) => ['--set', s])]
    const env = { ...process.env, HELM_CACHE_HOME: dir, HELM_CONFIG_HOME: dir }
    const { stdout } = await exec([await programPath('helm'), ...args], { timeoutMs: 60_000, env })
    return parseAllDocuments(stdout)
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest !== null)
  }
  const on = ['podMonitors', 'rules', 'dashboard', 'agents'].map((part) => `monitoring.${part}.enabled=true`)

  test('all of it is off unless asked for', async () => {
    const text = JSON.stringify(await render([]))
    for (const word of ['monitoring.coreos.com', 'nephele-dashboard', 'agent-metrics', 'NEPHELE_METRICS_SOCKET'])
      expect([word, text.includes(word)]).toEqual([word, false])
  }, 60_000)

  test('the rules are those that promtool judged, with pages where they are served', async () => {
    const ruleOf = (manifests: Manifest[]) => manifests.find(({ kind }) => kind === 'PrometheusRule')
    const made = ruleOf(await render([...on, 'monitoring.rules.labels.release=prometheus']))
    const file = join(dir, 'rendered.yaml')
    writeFileSync(file, stringify(made?.spec))
    expect(await promtool('check', 'rules', file)).toContain(`${ALERT_CASES.length} rules found`)
    expect(made?.metadata.labels).toMatchObject({ release: 'prometheus' })
    expect(JSON.stringify(made)).not.toContain('runbook_url')
    const linked = ruleOf(await render([...on, 'monitoring.rules.runbookURL=https://wiki.example.com/n/']))
    expect(JSON.stringify(linked)).toContain('"runbook_url":"https://wiki.example.com/n/NepheleNoLeader.md"')
    await expect(render(['monitoring.rules.runbookURL=javascript:1'])).rejects.toThrow('runbookURL')
  }, 60_000)

  test('each PodMonitor finds the port of pods that there are', async () => {
    const manifests = await render([...on, 'monitoring.podMonitors.interval=5s', 'console.enabled=true', 'console.url=https://console.example.com'])
    const monitors = manifests.filter(({ kind }) => kind === 'PodMonitor')
    expect(monitors.map(({ metadata }) => metadata.name).sort()).toEqual(['nephele-agent', 'nephele-console', 'nephele-operator'])
    for (const { spec } of monitors as unknown as { spec: { selector: { matchLabels: Record<string, string> }; podMetricsEndpoints: { port: string; interval: string; scrapeTimeout?: string }[] } }[]) {
      const found = manifests.filter(({ spec: of }) => {
        const labels = (of as unknown as { template?: { metadata: { labels: Record<string, string> } } } | undefined)?.template?.metadata.labels
        return labels !== undefined && Object.entries(spec.selector.matchLabels).every(([name, value]) => labels[name] === value)
      })
      expect(found).toHaveLength(1)
      // Without a timeout Prometheus' own counts, or the interval where that is shorter; a longer one is refused.
      expect(spec.podMetricsEndpoints[0]).toMatchObject({ interval: '5s' })
      expect(spec.podMetricsEndpoints[0]).not.toHaveProperty('scrapeTimeout')
      expect(JSON.stringify(found)).toContain(`{"name":"${spec.podMetricsEndpoints[0]?.port}","containerPort":8080}`)
    }
  }, 60_000)

  test('what passes an agent’s metrics on has nothing of the node but their folder, and no rights', async () => {
    const manifests = await render([...on, 'isolation.metricsNamespaces={monitoring}'])
    const relay = manifests.find(({ kind, metadata }) => kind === 'DaemonSet' && metadata.name === 'nephele-agent-metrics')
    const { template } = relay?.spec as unknown as { template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } } }
    expect(template.spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532 },
      volumes: [{ name: 'metrics', hostPath: { path: '/run/nephele/metrics' } }],
    })
    for (const shared of ['hostNetwork', 'hostPID', 'hostIPC', 'serviceAccountName']) expect(template.spec[shared]).toBeUndefined()
    expect(template.spec.containers).toMatchObject([
      {
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ mountPath: '/run/nephele/metrics', readOnly: true }],
      },
    ])
    const policy = manifests.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'nephele-agent-metrics')
    expect(policy?.spec).toMatchObject({
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
          ports: [{ protocol: 'TCP', port: 8080 }],
        },
      ],
    })
    const unread = (await render(on)).find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'nephele-agent-metrics')
    expect(unread?.spec).toMatchObject({ policyTypes: ['Ingress'], ingress: [] })
    const agent = manifests.find(({ kind, metadata }) => kind === 'DaemonSet' && metadata.name === 'nephele-agent')
    expect(JSON.stringify(agent)).toContain('"NEPHELE_METRICS_SOCKET","value":"/run/nephele/metrics/agent.sock"')
    // The agent itself still listens nowhere.
    expect(JSON.stringify(agent)).not.toContain('containerPort')
  }, 60_000)

  test('the dashboard is the file, and a ConfigMap takes it', async () => {
    const map = (await render(on)).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'nephele-dashboard')
    expect(map?.metadata.labels).toMatchObject({ grafana_dashboard: '1' })
    const text = map?.data?.['nephele.json'] ?? ''
    expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(join(CHART, 'files/monitoring/dashboard.json'), 'utf8')))
    // Argo CD and kubectl apply keep it in an annotation, of 256 KiB at most.
    expect(text.length).toBeLessThan(200_000)
  }, 60_000)
})
