// SPDX-License-Identifier: Apache-2.0
// kube-proxy, which only clusters with kubelets need: a Go module of its own (proxy/), so that the local cloud's programs are not
// built again for it. Most of it is in Go's build cache after those.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exec } from '../../lib/exec.ts'
import { linkerFlags, requiredVersion } from '../build/programs.ts'
import { cacheDir, definitionHash } from '../host/cache.ts'

const moduleDir = join(dirname(fileURLToPath(import.meta.url)), 'proxy')

/** Builds it when the cache lacks it (half a minute). */
export async function kubeProxyPath(): Promise<string> {
  const [goMod, goSum] = await Promise.all(['go.mod', 'go.sum'].map((f) => readFile(join(moduleDir, f), 'utf8')))
  if (goMod === undefined || goSum === undefined) throw new Error('unreachable')
  const ldflags = linkerFlags(requiredVersion(goMod, 'k8s.io/kubernetes'))
  const path = join(cacheDir(), 'bin', definitionHash([goMod, goSum, ldflags]), 'kube-proxy')
  if (existsSync(path)) return path
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  const build = ['go', 'build', '-trimpath', '-buildvcs=false', '-ldflags', ldflags, '-o', temporary] as const
  try {
    await exec([...build, 'k8s.io/kubernetes/cmd/kube-proxy'], {
      cwd: moduleDir,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
      timeoutMs: 20 * 60_000,
    })
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}
