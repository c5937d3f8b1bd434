// SPDX-License-Identifier: Apache-2.0
// The programs of the control plane, and what tests need of Flux and Argo CD (local/gitops) and of Prometheus (local/prometheus), and etcd's
// clients (local/etcd-tools), built from pinned Go modules into a cache outside the tree:
// <cache>/bin/<hash of what defines the build>/<program>. `await programPath('etcd')` builds what is missing.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir, definitionHash } from '../host/cache.ts'
import { goBuild, type BuildProgress } from './go-build.ts'

const moduleDir = import.meta.dirname

/** Program name to the package that it is built from, whose last part is the name. */
export const PROGRAMS = {
  etcd: './etcd',
  chart: './chart',
  controllers: './controllers',
  'nats-server': 'github.com/nats-io/nats-server/v2',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  helm: 'helm.sh/helm/v4/cmd/helm',
  gitops: '.',
  promtool: 'github.com/prometheus/prometheus/cmd/promtool',
  promql: './promql',
  etcdctl: 'go.etcd.io/etcd/etcdctl/v3',
  etcdutl: 'go.etcd.io/etcd/etcdutl/v3',
} as const
export type ProgramName = keyof typeof PROGRAMS

/** What a local cloud runs. kubectl is built when somebody asks for it, the rest for clusters of kubelets and for tests. */
export const CLOUD_PROGRAMS = ['etcd', 'nats-server', 'kube-apiserver', 'controllers', 'chart'] as const
/** What a cluster of kubelets runs, and what installs the chart there. */
export const CLUSTER_PROGRAMS = [
  'etcd',
  'nats-server',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kubectl',
  'helm',
] as const

/** The version that go.mod requires of a module. */
export function requiredVersion(goMod: string, module: string): string {
  const line = goMod.split('\n').find((l) =>
    l
      .trim()
      .replace(/^require\s+/, '')
      .startsWith(`${module} v`),
  )
  const version = line
    ?.trim()
    .replace(/^require\s+/, '')
    .split(/\s+/)[1]
  if (version === undefined) throw new Error(`go.mod requires no ${module}`)
  return version
}

/** Linker flags that make the programs report the version they were built from; without them the apiserver says v0.0.0-master. */
export function linkerFlags(kubernetesVersion: string): string {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(kubernetesVersion) ?? []
  if (major === undefined || minor === undefined) throw new Error(`not a release of Kubernetes: ${kubernetesVersion}`)
  return [
    '-s -w',
    `-X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
    `-X k8s.io/component-base/version.gitMajor=${major}`,
    `-X k8s.io/component-base/version.gitMinor=${minor}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=${kubernetesVersion}`,
  ].join(' ')
}

/** A Go module, and the files of it that make up its programs. */
interface Module {
  dir: string
  files: readonly string[]
}

const CONTROL_PLANE: Module = {
  dir: moduleDir,
  files: ['go.mod', 'go.sum', 'etcd/main.go', 'chart/main.go', 'controllers/main.go'],
}
/** By itself, since Flux requires another release of Kubernetes' packages. */
const GITOPS: Module = {
  dir: join(moduleDir, '..', 'gitops'),
  files: ['go.mod', 'go.sum', 'main.go', 'flux.go', 'judge.go'],
}
const PROMETHEUS: Module = {
  dir: join(moduleDir, '..', 'prometheus'),
  files: ['go.mod', 'go.sum', 'promql/main.go'],
}
/** By itself, so that its change builds nothing of Kubernetes anew. */
const ETCD_TOOLS: Module = { dir: join(moduleDir, '..', 'etcd-tools'), files: ['go.mod', 'go.sum'] }
const MODULES = [CONTROL_PLANE, GITOPS, PROMETHEUS, ETCD_TOOLS] as const

const MODULE_OF: Partial<Record<ProgramName, Module>> = {
  gitops: GITOPS,
  promtool: PROMETHEUS,
  promql: PROMETHEUS,
  etcdctl: ETCD_TOOLS,
  etcdutl: ETCD_TOOLS,
}
const moduleOf = (name: ProgramName): Module => MODULE_OF[name] ?? CONTROL_PLANE

interface BuildDefinition {
  ldflags: string
  /** Where its programs are, or will be. */
  dir: string
}

async function buildDefinition(module: Module): Promise<BuildDefinition> {
  const sources = await Promise.all(module.files.map((file) => readFile(join(module.dir, file), 'utf8')))
  const ldflags =
    module === CONTROL_PLANE ? linkerFlags(requiredVersion(sources[0] ?? '', 'k8s.io/kubernetes')) : '-s -w'
  return { ldflags, dir: join(cacheDir(), 'bin', definitionHash([...sources, ldflags])) }
}

/** Those of `names` that are not in the cache. */
export async function missingPrograms(names: readonly ProgramName[]): Promise<ProgramName[]> {
  const missing: ProgramName[] = []
  for (const module of MODULES) {
    const { dir } = await buildDefinition(module)
    missing.push(...names.filter((name) => moduleOf(name) === module && !existsSync(join(dir, name))))
  }
  return missing
}

interface BuildOptions {
  signal?: AbortSignal
  onProgress?: (progress: BuildProgress) => void
}

/**
 * Builds what the cache lacks, all of a module in one build: while one program is linked the next is compiled, and what they share is
 * compiled once. Two callers at once both build and the last rename wins, with the same content.
 */
export async function ensurePrograms(names: readonly ProgramName[], options: BuildOptions = {}): Promise<void> {
  const missing = await missingPrograms(names)
  for (const module of MODULES) {
    const ofModule = missing.filter((name) => moduleOf(name) === module)
    if (ofModule.length > 0) await build(module, ofModule, options)
  }
}

async function build(module: Module, names: readonly ProgramName[], options: BuildOptions): Promise<void> {
  const { dir, ldflags } = await buildDefinition(module)
  await mkdir(dir, { recursive: true })
  const building = await mkdtemp(join(dir, 'new-'))
  try {
    const packages = names.map((name) => PROGRAMS[name])
    await goBuild({ moduleDir: module.dir, packages, ldflags, outDir: building, ...options })
    for (const name of names) await rename(join(building, name), join(dir, name))
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

/** The path of a program; builds it first when the cache lacks it (minutes for the first of Kubernetes' own). */
export async function programPath(name: ProgramName, signal?: AbortSignal): Promise<string> {
  const { dir } = await buildDefinition(moduleOf(name))
  await ensurePrograms([name], signal ? { signal } : {})
  return join(dir, name)
}
