// SPDX-License-Identifier: Apache-2.0
// kube-proxy, which only clusters with kubelets need: a Go module of its own (proxy/), so that the local cloud's programs are not
// built again for it. Most of it is in Go's build cache after those.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { goBuild } from '../build/go-build.ts'
import { linkerFlags, requiredVersion } from '../build/programs.ts'
import { cacheDir, definitionHash } from '../host/cache.ts'

const moduleDir = join(import.meta.dirname, 'proxy')

/** Builds it when the cache lacks it (half a minute). */
export async function kubeProxyPath(): Promise<string> {
  const [goMod, goSum] = await Promise.all(['go.mod', 'go.sum'].map((f) => readFile(join(moduleDir, f), 'utf8')))
  if (goMod === undefined || goSum === undefined) throw new Error('unreachable')
  const ldflags = linkerFlags(requiredVersion(goMod, 'k8s.io/kubernetes'))
  const path = join(cacheDir(), 'bin', definitionHash([goMod, goSum, ldflags]), 'kube-proxy')
  if (existsSync(path)) return path
  const building = `${path}.${process.pid}.new`
  await mkdir(building, { recursive: true })
  try {
    await goBuild({ moduleDir, packages: ['k8s.io/kubernetes/cmd/kube-proxy'], ldflags, outDir: building })
    await rename(join(building, 'kube-proxy'), path)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return path
}
