// SPDX-License-Identifier: Apache-2.0
import { KubeConfig } from '@kubernetes/client-node'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'

interface RawKubeConfig {
  users?: { name?: string; user?: { tokenFile?: string } | null }[]
}

/**
 * The apiserver's address and our credentials: from the given file, else $KUBECONFIG, else the pod's ServiceAccount, else ~/.kube/config.
 * Tokens from files are reread when they rotate.
 */
export function loadKubeConfig(file?: string): KubeConfig {
  const config = new KubeConfig()
  const path = file ?? process.env['KUBECONFIG']
  if (path) {
    config.loadFromFile(path)
    useTokenFiles(config, path)
  } else if (process.env['KUBERNETES_SERVICE_HOST']) {
    config.loadFromCluster()
  } else {
    config.loadFromDefault()
  }
  if (!config.getCurrentCluster()) throw new Error(`no current cluster in the kubeconfig ${path ?? ''}`.trim())
  return config
}

/**
 * client-node 2 ignores `tokenFile` (it looks for `token-file`, and reads that once); its provider for pods rereads a token every minute,
 * so users with a token file get that one.
 */
function useTokenFiles(config: KubeConfig, path: string): void {
  const raw = parse(readFileSync(path, 'utf8')) as RawKubeConfig
  for (const { name, user } of raw.users ?? []) {
    const tokenFile = user?.tokenFile
    if (!tokenFile) continue
    const provider = { name: 'tokenFile', config: { tokenFile: resolve(dirname(path), tokenFile) } }
    config.users = config.users.map((u) => (u.name === name ? { ...u, authProvider: provider } : u))
  }
}
