// SPDX-License-Identifier: Apache-2.0
// The command lines of the control plane: pure, from plain data.
import { join } from 'node:path'

export const LOOPBACK = '127.0.0.1'

/** Files in the folder `pki` of a control plane; all of them are made by files.ts. */
export function pkiFile(dir: string, name: string): string {
  return join(dir, 'pki', name)
}

/** etcd's data. */
export function storeDir(dir: string): string {
  return join(dir, 'etcd')
}

export interface EtcdOptions {
  dir: string
  clientPort: number
  peerPort: number
}

/** What a member is known by, when it starts and when its store is restored. */
export function etcdPeerArguments(port: number): string[] {
  const peer = `http://127.0.0.1:${port}`
  return ['--name=nephele', `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=nephele=${peer}`]
}

export function etcdArguments(o: EtcdOptions): string[] {
  const client = `https://127.0.0.1:${o.clientPort}`
  return [
    ...etcdPeerArguments(o.peerPort),
    `--data-dir=${storeDir(o.dir)}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    // A single member: nobody connects here, but etcd wants the address.
    `--listen-peer-urls=http://127.0.0.1:${o.peerPort}`,
    `--cert-file=${pkiFile(o.dir, 'etcd.crt')}`,
    `--key-file=${pkiFile(o.dir, 'etcd.key')}`,
    '--client-cert-auth',
    `--trusted-ca-file=${pkiFile(o.dir, 'ca.crt')}`,
    // What was acknowledged survives a killed process, which is what the local cloud has to survive; a power cut it may not.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
}

export interface ApiserverOptions {
  dir: string
  port: number
  etcdPort: number
  serviceCidr: string
  auditLog: boolean
  /** Profiles by /debug/pprof, for administrators. */
  profiling: boolean
  /** Where it listens; not loopback when nodes with kubelets use it. */
  address: string
}

export function apiserverArguments(o: ApiserverOptions): string[] {
  const pki = (name: string) => pkiFile(o.dir, name)
  return [
    `--etcd-servers=https://127.0.0.1:${o.etcdPort}`,
    `--etcd-cafile=${pki('ca.crt')}`,
    `--etcd-certfile=${pki('apiserver.crt')}`,
    `--etcd-keyfile=${pki('apiserver.key')}`,
    `--bind-address=${o.address}`,
    `--advertise-address=${o.address}`,
    `--secure-port=${o.port}`,
    // The Service `kubernetes` is published for pods; without them nothing reads it, and loopback is no valid endpoint.
    ...(o.address === LOOPBACK
      ? ['--endpoint-reconciler-type=none']
      : [
          `--kubelet-client-certificate=${pki('admin.crt')}`,
          `--kubelet-client-key=${pki('admin.key')}`,
          '--kubelet-preferred-address-types=InternalIP',
        ]),
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    `--service-cluster-ip-range=${o.serviceCidr}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki('service-account.key')}`,
    `--service-account-signing-key-file=${pki('service-account.key')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    // As every apiserver has it from 1.36 on.
    '--feature-gates=MutatingAdmissionPolicy=true',
    '--runtime-config=admissionregistration.k8s.io/v1beta1=true',
    '--allow-privileged=true',
    `--profiling=${o.profiling}`,
    ...(o.auditLog
      ? [`--audit-policy-file=${join(o.dir, 'audit-policy.yaml')}`, `--audit-log-path=${join(o.dir, 'audit.log')}`]
      : []),
  ]
}

/** What owns what, namespaces, accounts, aggregated roles; build/controllers without kubelets, which knows only the first two flags. */
export function controllerManagerArguments(o: { dir: string; port: number; kubelets: boolean }): string[] {
  const always = [
    `--kubeconfig=${join(o.dir, 'controller-manager.kubeconfig')}`,
    `--root-ca-file=${pkiFile(o.dir, 'ca.crt')}`,
  ]
  if (!o.kubelets) return always
  return [
    ...always,
    '--bind-address=127.0.0.1',
    `--secure-port=${o.port}`,
    `--tls-cert-file=${pkiFile(o.dir, 'controller-manager.crt')}`,
    `--tls-private-key-file=${pkiFile(o.dir, 'controller-manager.key')}`,
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pkiFile(o.dir, 'service-account.key')}`,
    '--leader-elect=false',
    '--controllers=*',
    '--profiling=false',
  ]
}
