// SPDX-License-Identifier: Apache-2.0
// From a cluster's definition to what startNode needs.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { programPath } from '../build/programs.ts'
import type { CloudAddresses } from '../cloud/definition.ts'
import { kubeconfig } from '../control-plane/kubeconfig.ts'
import type { ControlPlane } from '../control-plane/start.ts'
import type { NodeFile } from '../node/files.ts'
import type { NodeOptions } from '../node/node.ts'
import { CGROUPS } from './control-groups.ts'
import { NODE_SERVICES, type ClusterNode } from './definition.ts'
import { cniConfig, CONTAINERD_CONFIG, kubeletConfig, proxyConfig } from './files.ts'
import type { ImageArchives } from './images.ts'
import { volumeFolders, VOLUMES_IN_NODE } from './objects.ts'

export const ARCHIVES_IN_NODE = '/opt/images'

export interface ClusterNodeOptions {
  dir: string
  cluster: string
  node: ClusterNode
  rootfs: string
  images: ImageArchives
  kubeProxy: string
  addresses: CloudAddresses
  plane: ControlPlane
  fabricNet: string
}

export async function clusterNodeOptions(o: ClusterNodeOptions): Promise<NodeOptions> {
  const { node, addresses } = o
  // Overlay mounts of containers cannot lie on the node's own overlay.
  const containerd = join(o.dir, 'containerd')
  await mkdir(containerd, { recursive: true })
  for (const folder of volumeFolders()) {
    await mkdir(join(o.dir, 'upper', VOLUMES_IN_NODE, folder), { recursive: true })
  }
  return {
    dir: o.dir,
    name: node.name,
    index: node.index,
    rootfs: o.rootfs,
    fabricNet: o.fabricNet,
    managementCidr: `${addresses.managementOf(node)}/24`,
    tunnelCidr: `${addresses.tunnelOf(node)}/24`,
    services: NODE_SERVICES,
    files: {},
    moreFiles: await moreFiles(o),
    binds: [
      { source: await programPath('kubelet'), target: '/opt/kubernetes/kubelet' },
      { source: o.kubeProxy, target: '/opt/kubernetes/kube-proxy' },
      { source: o.images.dir, target: ARCHIVES_IN_NODE },
    ],
    volumes: [
      { source: containerd, target: '/var/lib/containerd' },
      { source: CGROUPS, target: CGROUPS },
    ],
    endsWithUs: true,
  }
}

async function moreFiles({ node, cluster, plane }: ClusterNodeOptions): Promise<Record<string, NodeFile>> {
  const { server, certificateAuthority } = plane
  const [kubelet, proxy] = await Promise.all([
    plane.authority.issue({ commonName: `system:node:${node.name}`, organization: 'system:nodes' }),
    plane.authority.issue({ commonName: 'system:kube-proxy' }),
  ])
  const secret = (text: string): NodeFile => ({ text, mode: 0o600 })
  const open = (text: string): NodeFile => ({ text, mode: 0o644 })
  return {
    '/etc/containerd/config.toml': open(CONTAINERD_CONFIG),
    '/etc/cni/net.d/10-pods.conflist': open(cniConfig(node)),
    '/etc/kubernetes/ca.crt': open(certificateAuthority),
    '/etc/kubernetes/kubelet.yaml': open(kubeletConfig(cluster, node)),
    '/etc/kubernetes/kube-proxy.yaml': open(proxyConfig()),
    '/etc/kubernetes/kubelet.kubeconfig': secret(kubeconfig({ server, certificateAuthority, user: kubelet })),
    '/etc/kubernetes/kube-proxy.kubeconfig': secret(kubeconfig({ server, certificateAuthority, user: proxy })),
  }
}
