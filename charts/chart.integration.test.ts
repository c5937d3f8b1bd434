// SPDX-License-Identifier: Apache-2.0
// What Helm makes of the chart. That it works in a cluster is e2e/cluster's to show.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { exec } from '../lib/exec.ts'
import { programPath } from '../local/build/programs.ts'

const CHART = join(dirname(fileURLToPath(import.meta.url)), 'nephele')

interface PodTemplate {
  spec: {
    hostNetwork?: boolean
    securityContext?: { runAsNonRoot?: boolean }
    containers: {
      name: string
      securityContext?: { privileged?: boolean; readOnlyRootFilesystem?: boolean }
      volumeMounts?: { name: string; mountPath: string; readOnly?: boolean; mountPropagation?: string }[]
    }[]
    volumes?: { name: string; hostPath?: { path: string } }[]
  }
}
interface Manifest {
  kind: string
  metadata: { name: string; annotations?: Record<string, string> }
  rules?: { apiGroups?: string[]; resources?: string[]; verbs?: string[] }[]
  spec?: { template?: PodTemplate }
}

let helmHome: string
let manifests: Manifest[]

beforeAll(async () => {
  helmHome = mkdtempSync(join(tmpdir(), 'nephele-chart-'))
  manifests = await render()
}, 15 * 60_000)
afterAll(() => rmSync(helmHome, { recursive: true, force: true }))

async function render(settings: readonly string[] = [], namespace = 'nephele-system'): Promise<Manifest[]> {
  const args = ['template', 'nephele', CHART, '--namespace', namespace, ...settings.flatMap((s) => ['--set', s])]
  const env = { ...process.env, HELM_CACHE_HOME: helmHome, HELM_CONFIG_HOME: helmHome }
  const { stdout } = await exec([await programPath('helm'), ...args], { timeoutMs: 60_000, env })
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
}

const workloads = () => manifests.filter((m) => ['Deployment', 'DaemonSet', 'StatefulSet', 'Job'].includes(m.kind))

test('no role holds a wildcard, and the agent has none at all', () => {
  const roles = manifests.filter((m) => m.kind === 'Role' || m.kind === 'ClusterRole')
  expect(roles.length).toBeGreaterThan(5)
  for (const { metadata, rules = [] } of roles) {
    const words = rules.flatMap((rule) => [...(rule.apiGroups ?? []), ...(rule.resources ?? []), ...(rule.verbs ?? [])])
    expect({ role: metadata.name, wildcards: words.filter((word) => word.includes('*')) }).toEqual({
      role: metadata.name,
      wildcards: [],
    })
  }
  const bindings = manifests.filter((m) => m.kind.endsWith('RoleBinding'))
  expect(JSON.stringify(bindings)).not.toContain('nephele-agent')
})

test('the agent sees what the node mounts later, wherever it has a folder of the node', async () => {
  const agent = (await render(['agent.hostPaths={/srv/pool,/mnt/fast}'])).find((m) => m.kind === 'DaemonSet')
  const { containers = [], volumes = [] } = agent?.spec?.template?.spec ?? {}
  const ofNode = new Set(volumes.filter((v) => v.hostPath).map((v) => v.name))
  const mounts = containers.flatMap((c) => c.volumeMounts ?? []).filter((m) => ofNode.has(m.name))
  expect(mounts.map((m) => m.mountPath)).toEqual(expect.arrayContaining(['/var/lib/nephele', '/srv/pool', '/mnt/fast']))
  expect(mounts.filter((m) => m.mountPropagation === undefined)).toEqual([])
})

test('the operator lists no Secrets', () => {
  const operator = manifests.filter((m) => m.kind === 'ClusterRole' && m.metadata.name === 'nephele-operator')
  const secrets = operator.flatMap((m) => m.rules ?? []).filter((rule) => rule.resources?.includes('secrets'))
  expect(secrets.map((rule) => rule.verbs)).toEqual([['get']])
})

test('every process has a read-only root, and all but the agent a user without rights', () => {
  expect(workloads().map((m) => `${m.kind}/${m.metadata.name}`)).toEqual(
    expect.arrayContaining(['Deployment/nephele-operator', 'DaemonSet/nephele-agent', 'Job/nephele-bootstrap']),
  )
  for (const { kind, metadata, spec } of workloads()) {
    const pod = spec?.template?.spec
    const isAgent = kind === 'DaemonSet'
    expect([metadata.name, pod?.securityContext?.runAsNonRoot ?? false]).toEqual([metadata.name, !isAgent])
    expect([metadata.name, pod?.hostNetwork ?? false]).toEqual([metadata.name, isAgent])
    for (const { securityContext } of pod?.containers ?? []) {
      expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true })
      expect(securityContext?.privileged ?? false).toBe(isAgent)
    }
  }
})

test('definitions stay when the release goes', () => {
  const definitions = manifests.filter((m) => m.kind === 'CustomResourceDefinition')
  expect(definitions.length).toBeGreaterThanOrEqual(14)
  for (const { metadata } of definitions) {
    expect(metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' })
  }
})

describe('values that cannot work are refused with what to write', () => {
  test.each([
    [['agent.tunnelNetwork=10.99.0.1'], 'tunnelNetwork'],
    [['agent.hostPaths={../etc}'], 'hostPaths'],
    [['nats.replicas=two'], 'replicas'],
    [['unknown=1'], 'unknown'],
    [['nats.enabled=false'], 'write nats.address'],
    [['ovn.enabled=false'], 'write ovn.northbound'],
  ])('%j', async (settings, message) => {
    await expect(render(settings)).rejects.toThrow(message)
  })

  test('another namespace', async () => {
    await expect(render([], 'default')).rejects.toThrow('nephele-system')
  })
})
