// SPDX-License-Identifier: Apache-2.0
// What the READMEs of examples/ say of their commands. One that nothing is said of succeeds.
/** What a README says of one of its commands beyond that it succeeds. */
export interface Saying {
  /** A piece of the command. */
  command: string
  prints?: RegExp
  /** It has no success, and says why. */
  fails?: true
}

type Sayings = Readonly<Record<string, readonly Saying[]>>

export const NETWORKS: Sayings = {
  'dhcp-options': [
    {
      command: 'udhcpc',
      prints: /ntpsrv='192\.168\.100\.10 192\.168\.100\.11'\nsearch='first\.example\.com example\.com'/,
    },
  ],
  'dual-stack': [
    { command: 'status.addresses', prints: /192\.168\.\d.*fd/ },
    { command: 'addr show dev eth0', prints: /inet6 fd/ },
    { command: 'latest/meta-data/hostname', prints: /^both-a/ },
  ],
  'floating-ip': [
    { command: 'status.portForwardings', prints: /8080[^]*2222|2222[^]*8080/ },
    { command: 'curl', prints: /^backend/m },
  ],
  interfaces: [
    { command: 'status.interfaces', prints: /slot[^]*slot/ },
    { command: 'addr show dev eth1', prints: /inet 192\.168\.120\.\d+/ },
    { command: 'ip link show', prints: /^(?![^]*eth1)[^]*eth0/ },
  ],
  router: [{ command: 'ping -c 3 192.168.101.2' }],
  firewall: [{ command: 'nc -w 2', fails: true }],
  qos: [{ command: 'get nport', prints: /first-machine\/standard/ }],
  'security-groups': [{ command: 'get -n first-machine nsg,nag', prints: /partners/ }],
  'subnet-pool': [{ command: 'get nsub', prints: /10\.64\.0\.0\/26[^]*fd64:1::\/64/ }],
  trunk: [{ command: 'ip addr show dev eth0.100', prints: /192\.168\.110\.2/ }],
  'virtual-address': [
    { command: 'nport -n first-machine shared', prints: /pair-a/ },
    { command: 'curl', prints: /^pair-[ab]$/m },
  ],
  vlan: [
    { command: 'status.segmentationID', prints: /^1305$/ },
    { command: 'udhcpc', prints: /inet 10\./ },
  ],
}

export const SERVICES: Sayings = {
  'http-rules': [
    { command: 'wget -q -O - http://192.168.100.210/', prints: /^shop/ },
    { command: 'Host: v1.api.example.com', prints: /^api/ },
    { command: '/private', prints: /403 Forbidden/, fails: true },
  ],
  'load-balancer': [
    { command: 'for i in', prints: /web-1[^]*web-2|web-2[^]*web-1/ },
    { command: 'curl --cacert', prints: /secure/ },
  ],
  vpn: [{ command: 'get nvpnc', prints: /20\d\d-/ }],
  reachability: [
    { command: 'status.stoppedBy.message', prints: /SecurityGroup/ },
    { command: 'status.requestPath', prints: /floating|FloatingIP|nat/i },
    { command: 'status.probe.message', prints: /refused/i },
  ],
  'instance-action': [{ command: 'nact -n first-machine reboot', prints: /./ }],
  snapshot: [{ command: 'status.copies', prints: /network-1/ }],
  quota: [{ command: 'third -o wide', prints: /QuotaExceeded/ }],
}

/** Followed elsewhere, or by nobody, and why. */
export const OTHERS: Readonly<Record<string, string>> = {
  'dpdk-port': 'takes a cloud of its own: e2e/port/vhost-user',
  'external-sdn': 'e2e/provider-network/external-sdn',
  'first-machine': 'has no README; e2e/first-machine',
  gitops: 'takes a Git server; operator/leadership/gitops.integration.test.ts',
  notifications: 'operator/auth/subscriber.integration.test.ts',
  scheduling: 'e2e/placement-preview/examples',
  'sriov-port': 'takes a network card with virtual functions',
}
