// SPDX-License-Identifier: Apache-2.0
// What the local cloud puts into its apiserver: the chart as an administrator would install it, without the workloads that only a
// kubelet could run (their processes are started by this cloud, with the same accounts), the Node objects and the authority.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { CLOUD_NAME, GROUP, VERSION } from '../../lib/api/kinds.ts'
import { exec } from '../../lib/exec.ts'
import { NBD_AUTHORITY } from '../../lib/pki/nbd-authority.ts'
import { programPath } from '../build/programs.ts'
import type { Api } from '../control-plane/api.ts'
import { applyManifests, type Manifest } from '../control-plane/manifests.ts'
import { waitUntil } from '../host/wait.ts'
import { renewToken, NAMESPACE, type TokenFile } from '../services/tokens.ts'
import { addressesOf, defineNodes } from './definition.ts'
import { REPOSITORY, type Layout } from './layout.ts'
import type { CloudState } from './state.ts'

export const CHART = join(REPOSITORY, 'charts', 'nephele')
const WORKLOADS = new Set(['Deployment', 'DaemonSet', 'StatefulSet', 'Job', 'CronJob', 'Pod', 'PodDisruptionBudget'])

/** Processes that this cloud starts itself. */
const OUTSIDE = Object.fromEntries(
  ['operator', 'agent', 'console', 'nats', 'ovn', 'bootstrap'].map((part) => [part, { enabled: false }]),
)

/** Pure: what of a rendered chart the local cloud applies, CRDs first. Hooks are Helm's business and run as pods. */
export function selectManifests(rendered: string): { definitions: Manifest[]; others: Manifest[] } {
  const manifests = parseAllDocuments(rendered)
    .map((d) => d.toJS() as Manifest | null)
    .filter((m): m is Manifest => m !== null && !WORKLOADS.has(m.kind))
    .filter((m) => m.metadata.annotations?.['helm.sh/hook'] === undefined)
  const isDefinition = (m: Manifest) => m.kind === 'CustomResourceDefinition'
  return { definitions: manifests.filter(isDefinition), others: manifests.filter((m) => !isDefinition(m)) }
}

/**
 * The Cloud's settings as an administrator would write them: this cloud's image server is in a private network, which images are not
 * read from unless it is named here. Pure.
 */
export function cloudSettings(imageNetwork: string): Manifest & { spec: object } {
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'Cloud',
    metadata: { name: CLOUD_NAME },
    spec: { images: { allowedNetworks: [imageNetwork] } },
  }
}

const ADMISSION = '/apis/admissionregistration.k8s.io'

/** As `helm template --api-versions` takes them: which kinds of policies the apiserver has depends on its version. */
async function listPolicyKinds(api: Api): Promise<string[]> {
  const { versions } = await api.request<{ versions: { groupVersion: string; version: string }[] }>('GET', ADMISSION)
  const kinds = versions.map(async ({ groupVersion, version }) => {
    const { resources } = await api.request<{ resources: { kind: string }[] }>('GET', `${ADMISSION}/${version}`)
    return resources.map(({ kind }) => `${groupVersion}/${kind}`)
  })
  return [...new Set((await Promise.all(kinds)).flat())]
}

/** Renders the chart and applies it, and `more` with it; may run any number of times. */
export async function installChart(api: Api, more: readonly Manifest[] = []): Promise<void> {
  const rendered = await renderChart(await listPolicyKinds(api))
  const { definitions, others } = selectManifests(rendered)
  await applyNamespace(api)
  await Promise.all(definitions.map((d) => applyDefinition(api, d)))
  await waitForDefinitions(api, definitions)
  await applyManifests(api, [...others, ...more], NAMESPACE)
}

/** @param apiVersions what `.Capabilities.APIVersions` has besides what each apiserver serves */
export async function renderChart(apiVersions: readonly string[]): Promise<string> {
  const request = { chart: CHART, release: 'nephele', namespace: NAMESPACE, apiVersions, values: OUTSIDE }
  const input = JSON.stringify(request)
  return (await exec([await programPath('chart')], { timeoutMs: 60_000, input })).stdout
}

async function applyNamespace(api: Api): Promise<void> {
  await api.apply(`/api/v1/namespaces/${NAMESPACE}`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  })
}

async function applyDefinition(api: Api, definition: Manifest): Promise<void> {
  await api.apply(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition.metadata.name}`, definition)
}

async function waitForDefinitions(api: Api, definitions: readonly Manifest[]): Promise<void> {
  const established = async ({ metadata }: Manifest) => {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`
    const found = await api.request<{ status?: { conditions?: { type: string; status: string }[] } }>('GET', path)
    return found.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True') ?? false
  }
  const all = async () => (await Promise.all(definitions.map(established))).every(Boolean)
  await waitUntil('the apiserver to accept the custom resource definitions', all, { timeoutMs: 30_000, everyMs: 50 })
}

/** The authorities that sign nodes' requests, where the operator looks for them. */
export async function applyAuthorities(api: Api, layout: Layout): Promise<void> {
  await applyNamespace(api)
  await Promise.all([
    applyAuthority(api, 'nephele-ca', { certificate: layout.pki('ca.crt'), key: layout.pki('ca.key') }),
    applyAuthority(api, NBD_AUTHORITY.secret, { certificate: layout.pki('nbd-ca.crt'), key: layout.pki('nbd-ca.key') }),
  ])
}

async function applyAuthority(api: Api, name: string, files: { certificate: string; key: string }): Promise<void> {
  const [certificate, key] = await Promise.all([readFile(files.certificate), readFile(files.key)])
  await api.apply(`/api/v1/namespaces/${NAMESPACE}/secrets/${name}`, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name, namespace: NAMESPACE },
    data: { 'tls.crt': certificate.toString('base64'), 'tls.key': key.toString('base64') },
  })
}

/** Node objects as kubelets and an administrator would make them; the result is their uids. */
export async function applyNodes(api: Api, state: CloudState): Promise<Record<string, string>> {
  const addresses = addressesOf(state.subnet)
  const uids = await Promise.all(
    defineNodes(state).map(async (node) => {
      const path = `/api/v1/nodes/${node.name}`
      const head = { apiVersion: 'v1', kind: 'Node' }
      const labels = { 'kubernetes.io/hostname': node.name, ...node.labels }
      await api.apply(path, { ...head, metadata: { name: node.name, labels } })
      const status = {
        addresses: [
          { type: 'InternalIP', address: addresses.managementOf(node) },
          { type: 'Hostname', address: node.name },
        ],
        conditions: [{ type: 'Ready', status: 'True', reason: 'LocalCloud', message: 'there is no kubelet' }],
      }
      await api.apply(`${path}/status`, { ...head, metadata: { name: node.name }, status })
      const { metadata } = await api.request<{ metadata: { uid: string } }>('GET', path)
      return [node.name, metadata.uid] as const
    }),
  )
  return Object.fromEntries(uids)
}

/** The tokens of operator and console process, and one for each node's agent, bound to its Node object. */
export function tokenFiles(layout: Layout, nodeUids: Readonly<Record<string, string>>): TokenFile[] {
  return [
    { serviceAccount: 'nephele-operator', path: layout.operatorToken },
    { serviceAccount: 'nephele-console', audience: 'nephele-nats', path: layout.consoleToken },
    ...Object.entries(nodeUids).map(([name, uid]) => ({
      serviceAccount: 'nephele-agent',
      audience: 'nephele-nats',
      node: { name, uid },
      path: layout.nodeToken(name),
    })),
  ]
}

export async function writeTokens(api: Api, files: readonly TokenFile[]): Promise<void> {
  await Promise.all(files.map((file) => renewToken(api, file)))
}
