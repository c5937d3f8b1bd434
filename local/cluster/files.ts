// SPDX-License-Identifier: Apache-2.0
// The configuration of a node's container runtime, kubelet and service proxy. Pure.
import { stringify } from 'yaml'
import { DNS_SERVICE, podCidrOf, POD_CIDR, type ClusterNode } from './definition.ts'
import { PAUSE_IMAGE } from './images.ts'

/** The node's own part of the host's control groups; kubelet makes what is below. */
export const cgroupOf = (cluster: string, node: ClusterNode): string => `/${cluster}-${node.name}`

/** https://github.com/containerd/containerd/blob/release/1.7/docs/cri/config.md */
export const CONTAINERD_CONFIG = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
# Lowering a score takes a capability that this host may not have.
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/etc/cni/net.d"
`

/** https://www.cni.dev/plugins/current/main/bridge/ */
export function cniConfig(node: ClusterNode): string {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: podCidrOf(node) }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true, ipam }
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [bridge] }, null, 2)
}

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
export function kubeletConfig(cluster: string, node: ClusterNode): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      x509: { clientCAFile: '/etc/kubernetes/ca.crt' },
      webhook: { enabled: true },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    // Hosts with the first version of control groups still do.
    failCgroupV1: false,
    cgroupRoot: cgroupOf(cluster, node),
    clusterDNS: [DNS_SERVICE],
    clusterDomain: 'cluster.local',
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    maxPods: 60,
    // Imported images cannot be pulled again, and the disk is the whole host's.
    imageGCHighThresholdPercent: 100,
    imageMinimumGCAge: '1000h',
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    nodeStatusUpdateFrequency: '5s',
  })
}

/** https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
export function proxyConfig(): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: '/etc/kubernetes/kube-proxy.kubeconfig' },
    clusterCIDR: POD_CIDR,
    // The host knows no way back to pods, nor does a bridge to one of its own.
    nftables: { masqueradeAll: true },
    // Not a namespace's to set.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    oomScoreAdj: 0,
  })
}
