// SPDX-License-Identifier: Apache-2.0
// The programs of the control plane, built from pinned Go modules (local/controlplane) into a cache outside the tree:
// <cache>/bin/<hash of what defines the build>/<program>. `await programPath('etcd')` builds what is missing.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exec } from '../../lib/exec.ts'
import { cacheDir, definitionHash } from '../host/cache.ts'

const moduleDir = join(dirname(fileURLToPath(import.meta.url)), '..', 'controlplane')

/** Program name to the package that it is built from. */
export const PROGRAMS = {
  etcd: './etcd',
  'nats-server': 'github.com/nats-io/nats-server/v2',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  helm: 'helm.sh/helm/v4/cmd/helm',
} as const
export type ProgramName = keyof typeof PROGRAMS
const PROGRAM_NAMES = Object.keys(PROGRAMS) as ProgramName[]

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

interface BuildDefinition {
  ldflags: string
  dir: string
}

async function buildDefinition(): Promise<BuildDefinition> {
  const [goMod, goSum, etcdMain] = await Promise.all(
    ['go.mod', 'go.sum', 'etcd/main.go'].map((f) => readFile(join(moduleDir, f), 'utf8')),
  )
  if (goMod === undefined || goSum === undefined || etcdMain === undefined) throw new Error('unreachable')
  const ldflags = linkerFlags(requiredVersion(goMod, 'k8s.io/kubernetes'))
  return { ldflags, dir: join(cacheDir(), 'bin', definitionHash([goMod, goSum, etcdMain, ldflags])) }
}

/** Programs that are not in the cache. */
export async function missingPrograms(names: readonly ProgramName[] = PROGRAM_NAMES): Promise<ProgramName[]> {
  const { dir } = await buildDefinition()
  return names.filter((name) => !existsSync(join(dir, name)))
}

/**
 * The path of a program; builds it first when the cache lacks it (minutes: Kubernetes compiles once for all its programs).
 * Two callers at once both build and the last rename wins, with the same content.
 */
export async function programPath(name: ProgramName, signal?: AbortSignal): Promise<string> {
  const { dir, ldflags } = await buildDefinition()
  const path = join(dir, name)
  if (existsSync(path)) return path
  await mkdir(dir, { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  try {
    await exec(['go', 'build', '-trimpath', '-buildvcs=false', '-ldflags', ldflags, '-o', temporary, PROGRAMS[name]], {
      cwd: moduleDir,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
      timeoutMs: 30 * 60_000,
      ...(signal ? { signal } : {}),
    })
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}
