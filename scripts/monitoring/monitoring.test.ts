// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { startHealthServer } from '../../lib/health-server.ts'
import { VERSION, versionOf } from '../../lib/metrics/version.ts'
import { readAlerts } from './alerts.ts'
import { exportedBy, exportedMetrics, PROCESSES, registriesOf, seriesOf } from './exported-metrics.ts'
import { renderPage } from './metrics-page.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

describe('metrics', () => {
  const registries = registriesOf('1.2.3')

  test.each(PROCESSES)('what is listed of the %s is what a scrape of it shows', async (process) => {
    const server = await startHealthServer({ host: '127.0.0.1', port: 0, registry: registries[process] })
    const page = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
    await server.close()
    const shown = [...page.matchAll(/^# TYPE (nephele_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    const listed = exportedBy(registries[process])
    expect(listed.map(({ name, type }) => `${name} ${type}`)).toEqual(shown.sort())
    expect(listed.length).toBeGreaterThan(5)
    expect(page).toContain(`nephele_build_info{component="${process}",version="1.2.3",`)
  })

  test('are named and labelled as Prometheus recommends', () => {
    const all = Object.values(exportedMetrics()).flat()
    const misnamed = all.filter(({ name, type }) => (type === 'counter') !== name.endsWith('_total'))
    expect(misnamed).toEqual([])
    expect(all.filter(({ name, type }) => type === 'histogram' && !name.endsWith('_seconds'))).toEqual([])
    expect(all.filter(({ name }) => /_(ms|milliseconds|mib|percent)(_|$)/.test(name))).toEqual([])
    expect(all.filter(({ help }) => help === '' || help.endsWith('.'))).toEqual([])
    expect(seriesOf({ name: 'x_seconds', type: 'histogram' })).toEqual([
      'x_seconds_bucket',
      'x_seconds_sum',
      'x_seconds_count',
    ])
  })

  test('no label holds what a user names', () => {
    const bounded = [
      ...[
        'action',
        'bucket',
        'call',
        'certificate',
        'code',
        'component',
        'connection',
        'controller',
        'database',
        'driver',
        'excess',
      ],
      ...[
        'kind',
        'node_version',
        'outcome',
        'priority',
        'ready',
        'reason',
        'resource',
        'result',
        'stage',
        'state',
        'type',
        'verb',
      ],
      ...['version', 'what', 'why'],
    ]
    // Of administrators: a cloud has some pools, and nodes without work are left out.
    const given = ['node', 'pool']
    const labels = new Set(Object.values(exportedMetrics()).flatMap((of) => of.flatMap((metric) => metric.labels)))
    expect([...labels].filter((label) => !bounded.includes(label) && !given.includes(label))).toEqual([])
  })

  test('say which version runs', () => {
    expect(VERSION).toBe((JSON.parse(read('package.json')) as { version: string }).version)
    expect(VERSION).toBe((parse(read('charts/nephele/Chart.yaml')) as { appVersion: string }).appVersion)
    expect([versionOf({}), versionOf({ NEPHELE_VERSION: '' }), versionOf({ NEPHELE_VERSION: '9' })]).toEqual([
      VERSION,
      VERSION,
      '9',
    ])
  })
})

describe('alerts', () => {
  const alerts = readAlerts()
  const pages = readdirSync(join(root, 'docs/runbooks'))

  test('each has a page, and each page an alert', () => {
    expect(pages.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort())
    for (const { alert, annotations } of alerts) expect(annotations.runbook).toBe(`docs/runbooks/${alert}.md`)
  })

  test.each(pages)('%s says what it means, how to look and what to do', (page) => {
    const text = read(`docs/runbooks/${page}`)
    expect(text.split('\n')[0]).toBe(`# ${page.replace('.md', '')}`)
    const [means = '', look = '', todo = ''] = text.split(/^## (?:How to look|What to do)$/m)
    expect(means.split('\n').slice(1).join(' ').trim().length).toBeGreaterThan(80)
    expect(look).toMatch(/^ {4}\S/m)
    expect(todo.trim().length).toBeGreaterThan(80)
  })

  test('commands of the pages name what the chart makes, and kinds that there are', () => {
    const templates = readdirSync(join(root, 'charts/nephele/templates'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.yaml'))
      .map((path) => read(`charts/nephele/templates/${path}`))
    const workloads = templates.flatMap((text) =>
      [...text.matchAll(/^kind: (Deployment|DaemonSet|StatefulSet)\nmetadata:\n {2}name: (\S+)/gm)].map(
        ([, kind = '', name = '']) => `${{ Deployment: 'deploy', DaemonSet: 'ds', StatefulSet: 'sts' }[kind]}/${name}`,
      ),
    )
    const ofKubernetes = [
      'cloud',
      'configmap',
      'cronjob',
      'events',
      'flowschemas',
      'job',
      'lease',
      'node',
      'pods',
      'secret',
      'secrets',
    ]
    const kinds = readdirSync(join(root, 'crds'))
      .filter((name) => name.endsWith('.yaml'))
      .flatMap((name) => {
        const { spec } = parse(read(`crds/${name}`)) as {
          spec: { group: string; names: { plural: string; singular: string; shortNames?: string[] } }
        }
        const { plural, singular, shortNames = [] } = spec.names
        return [`${plural}.${spec.group}`, `${singular}.${spec.group}`, ...shortNames]
      })
    const wrong: string[] = []
    for (const page of pages) {
      const text = read(`docs/runbooks/${page}`)
      for (const [name] of text.matchAll(/\b(?:deploy|ds|sts)\/[a-z-]+/g))
        if (!workloads.includes(name)) wrong.push(`${page}: ${name}`)
      for (const [, list = ''] of text.matchAll(/kubectl(?: -n \S+)? (?:get|describe|patch) ([a-z][a-z.,]*)/g))
        for (const kind of list.split(','))
          if (!kinds.includes(kind) && !ofKubernetes.includes(kind) && !['ds', 'deploy', 'sts'].includes(kind))
            wrong.push(`${page}: ${kind}`)
    }
    expect(wrong).toEqual([])
    expect(workloads).toContain('ds/nephele-agent-metrics')
  })

  test('logs are those of both processes of the operator, and no page goes by the apiserver to a pod', () => {
    const texts = [...pages.map((page) => read(`docs/runbooks/${page}`)), read('docs/monitoring.md')]
    for (const text of texts) {
      expect(text).not.toMatch(/logs deploy\/nephele-operator/)
      // As a command: NetworkPolicies of the chart refuse the apiserver.
      expect(text).not.toMatch(/^ {4}kubectl get --raw \S*\/proxy\//m)
    }
  })

  test('what the pages ask of Prometheus is exported', () => {
    const series = new Set(
      Object.values(exportedMetrics()).flatMap((of) => of.flatMap((metric) => [metric.name, ...seriesOf(metric)])),
    )
    const asked = pages.flatMap((page) =>
      [...read(`docs/runbooks/${page}`).matchAll(/\bnephele_\w+/g)].map(([name]) => name),
    )
    expect(asked.length).toBeGreaterThan(20)
    expect(asked.filter((name) => !series.has(name))).toEqual([])
  })
})

test('docs/monitoring.md lists all metrics and alerts: node scripts/run.mjs scripts/monitoring/write-page.ts', () => {
  const page = read('docs/monitoring.md')
  expect(renderPage(page, exportedMetrics(), readAlerts())).toBe(page)
  expect(() => renderPage('# Monitoring', exportedMetrics(), readAlerts())).toThrow('no place for metrics')
})
