// SPDX-License-Identifier: Apache-2.0
// Objects that the schema accepts and that together hold every field at least once (a test says when one is missing). Fields that
// exclude each other need a second sample.
import type { JsonObject } from './places.ts'

const CONDITION = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'all is well',
  observedGeneration: 1,
  lastTransitionTime: '2025-01-01T00:00:00Z',
}
const COMMON = { observedGeneration: 1, conditions: [CONDITION] }
const SHARED = { sharedWith: [{ namespace: 'team-a' }] }
const QOS = { qosPolicyRef: { name: 'gold', namespace: 'infra' } }
const QOS_STATUS = { qosPolicy: 'infra/gold', qosPolicyUID: 'u9' }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG5lcGhlbGVuZXBoZWxlbmVwaGVsZW5lcGhlbGVuZXBo someone@example.com'
export const DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const MAC = 'fa:16:3e:00:00:01'

interface Sample {
  spec: JsonObject
  status?: JsonObject
  /** Only where the name means something. */
  name?: string
}

export const SAMPLES: Record<string, Sample[]> = {
  Cloud: [
    {
      name: 'default',
      spec: {
        incarnation: 2,
        underlayMTU: 1500,
        dnsNameservers: ['10.0.0.2'],
        dns: { domain: 'cloud.example.com', upstreams: ['10.0.0.2', 'fd00::2'] },
        defaultSecurityGroupRules: [
          {
            ...{ direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', portRangeMin: 80, portRangeMax: 443 },
            remoteIPPrefix: '10.0.0.0/8',
          },
          {
            ...{ direction: 'egress', etherType: 'IPv6', protocol: 'icmpv6', icmpType: 1, icmpCode: 4 },
            remoteMembers: true,
          },
        ],
        macPrefix: 'fa:16:3e',
        defaultQuota: { instances: 10, 'volumes.fast': 5 },
        heartbeat: { intervalSeconds: 10, missesBeforeDown: 3 },
        reserved: { cpus: 1, memoryMiB: 2048, diskGiB: 20 },
        images: { allowedNetworks: ['10.20.0.0/24', 'fd00:20::/64'], maxSizeGiB: 64, maxCachePercent: 50 },
      },
      status: {
        ...COMMON,
        state: 'OK',
        term: 1,
        highestIncarnationSeen: 2,
        regressedIncarnation: 1,
        incarnationSince: '2026-01-01T00:00:00Z',
      },
    },
  ],
  Flavor: [
    {
      spec: {
        vcpus: 2,
        memoryMiB: 512,
        rootDiskGiB: 10,
        ephemeralGiB: 1,
        swapMiB: 64,
        extraSpecs: { 'hw:cpu_policy': 'shared' },
        public: false,
        ...SHARED,
      },
      status: { ...COMMON, state: 'ACTIVE' },
    },
  ],
  KeyPair: [
    {
      spec: { publicKey: KEY },
      status: { ...COMMON, state: 'ACTIVE', fingerprint: 'SHA256:x', keyType: 'ssh-ed25519' },
    },
  ],
  Image: [
    {
      spec: {
        source: {
          http: {
            url: 'https://example.com:8443/debian.qcow2?a=b',
            caBundle: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
          },
        },
        sha256: DIGEST,
        format: 'qcow2',
        minDiskGiB: 1,
        minMemoryMiB: 64,
        architecture: 'x86_64',
        properties: { hw_disk_bus: 'virtio' },
        visibility: 'shared',
        ...SHARED,
        deletionProtection: true,
      },
      status: {
        ...COMMON,
        state: 'importing',
        sha256: DIGEST,
        sizeBytes: 10,
        virtualSizeBytes: 20,
        progress: 50,
        importNode: 'n1',
        epoch: 1,
      },
    },
    {
      spec: {
        source: { snapshot: { instanceActionRef: { name: 'snap-1' }, imageStoreRef: { name: 'default' } } },
        format: 'qcow2',
      },
      status: { ...COMMON, state: 'active', copies: [{ node: 'n1', epoch: 1, ready: true }] },
    },
  ],
  Network: [
    {
      spec: {
        mtu: 1442,
        portSecurityEnabled: true,
        dnsDomain: 'example.com',
        ...SHARED,
        ...QOS,
        deletionProtection: true,
      },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        mtu: 1442,
        dnsDomain: 'example.com',
        driver: 'ovn',
        logicalSwitch: 'net-1',
        ...QOS_STATUS,
        portSecurityEnabled: true,
      },
    },
    {
      spec: { external: true, provider: { providerNetworkRef: { name: 'dc' }, segmentationID: 100 } },
      status: { ...COMMON, state: 'ACTIVE', physicalNetwork: 'dc', segmentationID: 100 },
    },
    {
      spec: { provider: { providerNetworkRef: { name: 'sdn' } } },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', physicalNetwork: 'sdn', driver: 'external', controller: 'sdn.example.com/l2' },
        doneBy: {
          ...{ forwarding: 'sdn.example.com/l2', plugging: 'Nephele', addresses: 'Nephele', dhcp: 'nobody' },
          ...{ securityGroups: 'nobody', gateway: 'sdn.example.com/l2', metadata: 'Nephele', names: 'nobody' },
          routers: 'nobody',
        },
      },
    },
  ],
  Subnet: [
    {
      spec: {
        networkRef: { name: 'net' },
        cidr: '10.0.0.0/24',
        gatewayIP: '10.0.0.1',
        disableGateway: false,
        dhcp: {
          enabled: true,
          leaseSeconds: 3600,
          dnsNameservers: ['10.0.0.2', 'fd00::2'],
          hostRoutes: [{ destination: '192.168.0.0/16', nextHop: '10.0.0.3' }],
        },
        allocationPools: [{ start: '10.0.0.9', end: '10.0.0.10' }],
      },
      status: { ...COMMON, state: 'ACTIVE', gatewayIP: '10.0.0.1', cidr: '10.0.0.0/24', addressScope: 'infra/all' },
    },
    {
      spec: {
        networkRef: { name: 'net' },
        cidr: 'fd00:1::/64',
        gatewayIP: 'fd00:1::1',
        allocationPools: [{ start: 'fd00:1::9', end: 'fd00:1::ffff' }],
        ipv6: { addressMode: 'slaac', routerAdvertisements: true },
      },
    },
    {
      spec: {
        networkRef: { name: 'net' },
        subnetPoolRef: { name: 'pool', namespace: 'infra' },
        prefixLength: 64,
        ipv6: { addressMode: 'slaac', routerAdvertisements: true },
      },
    },
  ],
  Port: [
    {
      spec: {
        networkRef: { name: 'net', namespace: 'team-a' },
        macAddress: MAC,
        fixedIPs: [{ subnetRef: { name: 'sub' }, ipAddress: '10.0.0.5' }],
        securityGroupRefs: [{ name: 'web', namespace: 'team-a' }],
        portSecurityEnabled: true,
        allowedAddressPairs: [{ ipAddress: '10.0.0.100', macAddress: MAC }],
        extraDHCPOptions: [
          { name: 'ntp-server', value: '10.0.0.2', ipFamily: 'IPv4' },
          { name: 'dns-server', value: 'fd00::2', ipFamily: 'IPv6' },
        ],
        vnicType: 'normal',
        ...QOS,
      },
      status: {
        ...{ ...COMMON, ...QOS_STATUS },
        state: 'ACTIVE',
        macAddress: MAC,
        addressList: '10.0.0.5,fd00::5',
        fixedIPs: [
          { subnet: 'sub', ipAddress: '10.0.0.5', prefixLength: 24 },
          { subnet: 'sub6', ipAddress: 'fd00::5', prefixLength: 64 },
        ],
        dnsName: 'web.example.com',
        networkUID: 'u1',
        node: 'n1',
        gateways: ['g1'],
        pciAddress: '0000:03:10.2',
        instance: { name: 'vm', uid: 'u2' },
        trunk: { name: 'tagged', uid: 'u4', segmentationID: 100 },
        router: { name: 'main', uid: 'u4' },
        epoch: 1,
        origin: 'Instance',
        owner: { name: 'vm', uid: 'u2' },
        portSecurityEnabled: true,
        allowedAddressPairs: [{ ipAddress: '10.0.0.100', macAddress: MAC }],
        securityGroupUIDs: ['u3'],
        virtual: { ipAddress: '10.0.0.5', parents: ['a', 'b'], holder: { port: 'a', node: 'n1' } },
      },
    },
  ],
  IPClaim: [
    {
      name: 'u1-10-0-0-16',
      spec: {
        subnetRef: { name: 'sub', uid: 'u1' },
        block: '10.0.0.16/28',
        claims: [
          { address: '10.0.0.21', portRef: { namespace: 'team-a', name: 'port', uid: 'u2' }, instanceUid: 'u3' },
          { address: '10.0.0.31', portRef: { namespace: 'team-b', name: 'port' } },
          { address: '10.0.0.17', ownerRef: { kind: 'Router', namespace: 'team-a', name: 'main', uid: 'u4' } },
        ],
      },
    },
    {
      name: 'u1-fd00--0',
      spec: {
        subnetRef: { name: 'sub', uid: 'u1' },
        block: 'fd00::/124',
        claims: [{ address: 'fd00::', portRef: { namespace: 'team-a', name: 'port' } }],
      },
    },
  ],
  SecurityGroup: [
    {
      spec: {
        description: 'web servers',
        stateful: true,
        denyEgress: true,
        rules: [
          {
            direction: 'ingress',
            etherType: 'IPv4',
            protocol: 'tcp',
            portRangeMin: 80,
            portRangeMax: 443,
            remoteIPPrefix: '10.0.0.0/8',
          },
          {
            direction: 'egress',
            etherType: 'IPv6',
            protocol: 'icmpv6',
            icmpType: 1,
            icmpCode: 4,
            remoteGroupRef: { namespace: 'team-b', name: 'default' },
          },
          { direction: 'ingress', remoteAddressGroupRef: { namespace: 'team-b', name: 'partners' } },
        ],
        logging: { event: 'ALL', packetsPerSecond: 100 },
        ...SHARED,
      },
      status: { ...COMMON, state: 'ACTIVE', remoteUIDs: ['u3'], rulesInForce: 2 },
    },
  ],
  Volume: [
    {
      spec: { sizeGiB: 2, volumeTypeRef: { name: 'fast' }, deletionProtection: true },
      status: {
        ...COMMON,
        state: 'in-use',
        node: 'n1',
        pool: 'default',
        epoch: 1,
        grantedGiB: 2,
        sizeGiB: 2,
        attachedTo: { name: 'vm', uid: 'u1', node: 'n2' },
        connection: {
          protocol: 'nbd',
          path: '/var/lib/nephele/volumes/default/u1',
          format: 'raw',
          host: '10.0.0.1',
          port: 10809,
          exportName: 'u1',
          tls: true,
          tlsHostname: 'n1',
        },
      },
    },
  ],
  VolumeType: [
    {
      spec: { storagePoolRef: { name: 'default' }, description: 'fast disks', default: true, public: false, ...SHARED },
      status: { ...COMMON, state: 'ACTIVE' },
    },
  ],
  StoragePool: [
    {
      spec: {
        driver: 'file',
        file: { path: '/srv/volumes', requireMount: true },
        nodeSelector: { matchLabels: { disk: 'ssd' } },
        overcommitPercent: 100,
      },
      status: { ...COMMON, state: 'up', nodes: [{ node: 'n1', totalGiB: 100, freeGiB: 50, error: 'none' }] },
    },
  ],
  ComputeNode: [
    {
      spec: {
        unschedulable: true,
        unschedulableReason: 'new disks',
        reserved: { cpus: 1, memoryMiB: 2048, diskGiB: 20 },
        dedicatedCPUs: '2-3,34-35',
        reservedHugepages: [{ cell: 0, sizeKiB: 2048, count: 64 }],
        lost: 'Confirmed',
      },
      status: {
        ...COMMON,
        state: 'up',
        roles: ['compute'],
        roleNames: 'compute',
        closed: 'new disks',
        free: { vcpus: 12, memoryMiB: 4096, diskGiB: 60 },
        zone: 'a',
        aggregates: ['ssd'],
        epoch: 1,
        volumeKey: 'ab12',
        sealingKey: 'A'.repeat(43),
        inventory: {
          datapath: 'netdev',
          address: '10.0.0.1',
          agentVersion: '0.1.0',
          bootID: 'b1',
          cpus: 4,
          memoryMiB: 8192,
          hugepagesMiB: 1024,
          diskGiB: 100,
          imageCacheGiB: 3,
          hypervisorType: 'QEMU',
          hypervisorVersion: '10.0.0',
          acceleration: 'qemu',
          firmware: ['bios', 'uefi'],
          tpmVersions: ['2.0'],
          accelerationReason: 'no virtualization extensions',
          dpdk: true,
          dpdkVersion: 'DPDK 24.11.8',
          tunnelAddress: '10.99.0.11',
          physicalNetworks: ['dc'],
          pciDevices: [
            {
              ...{ physicalNetwork: 'dc', numaCell: 0, vendorID: '8086', productID: '154c' },
              ...{ count: 8, direct: 8, macvtap: 8 },
            },
          ],
          numaCells: 1,
          cells: [
            {
              ...{ id: 0, sharedCPUs: '0-1', dedicatedCores: '2,34 3,35', pmdCPUs: '4', memoryMiB: 7168 },
              hugepages: [{ sizeKiB: 2048, count: 512 }],
            },
          ],
        },
        releases: [{ kind: 'instance', uid: 'u1', namespace: 'team-a', name: 'vm', epoch: 1 }],
        orphans: [{ kind: 'volume', uid: 'u1', what: 'a file' }],
      },
    },
  ],
  Instance: [
    {
      spec: {
        flavorRef: { name: 'small' },
        imageRef: { name: 'debian', namespace: 'images' },
        networks: [
          {
            networkRef: { name: 'net', namespace: 'team-b' },
            subnetRef: { name: 'sub' },
            ipAddress: '10.0.0.5',
            macAddress: MAC,
            vnicType: 'normal',
          },
          { portRef: { name: 'mine' } },
        ],
        securityGroupRefs: [{ name: 'web', namespace: 'team-b' }],
        keyPairRef: { name: 'key' },
        userData: '#cloud-config\n',
        volumes: [{ volumeRef: { name: 'data' } }, { volumeRef: { name: 'more' } }],
        runState: 'Running',
        restartPolicy: 'OnFailure',
        evacuation: 'Never',
        availabilityZone: 'a',
        serverGroupRef: { name: 'apart' },
        schedulerHints: {
          sameHost: ['web'],
          differentHost: ['db'],
          buildNearHostIP: '10.0.0.1',
          cidr: '/24',
          query: '[">=", "$free_ram_mb", 1024]',
          node: 'compute-1',
        },
        hostname: 'vm',
        configDrive: false,
        metadata: { role: 'web' },
        deletionProtection: true,
        locked: true,
      },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        node: 'n1',
        epoch: 1,
        interfaces: [{ slot: 0, port: 'vm-0-00000000', portUID: 'u3', request: '0123456789abcdef' }],
        flavor: {
          name: 'small',
          requireKVM: true,
          extraSpecs: { ssd: 'true' },
          vcpus: 1,
          memoryMiB: 256,
          rootDiskGiB: 1,
          ephemeralGiB: 0,
          swapMiB: 0,
        },
        bandwidth: [{ physicalNetwork: 'dc-1', egressKbps: 1_000, ingressKbps: 0 }],
        pciDevices: [{ physicalNetwork: 'dc-1', direct: 1, macvtap: 0 }],
        numaTopology: {
          pageSizeKiB: 2048,
          cells: [{ hostCell: 0, vcpus: '0-1', memoryMiB: 256, cpus: '2-3', idleCPUs: '34-35' }],
        },
        image: { namespace: 'images', name: 'debian', uid: 'u5', sha256: 'a'.repeat(64) },
        rootDisk: 1,
        rescue: {
          ...{ disk: 2, actionUID: 'u6', since: '2026-01-01T00:00:00Z' },
          image: { namespace: 'images', name: 'debian', uid: 'u5', sha256: 'a'.repeat(64) },
        },
        rebuilds: [
          {
            ...{ rootDisk: 3, actionUID: 'u7', isRescue: true },
            image: { namespace: 'images', name: 'debian', uid: 'u5', sha256: 'a'.repeat(64) },
          },
        ],
        nextFlavor: {
          name: 'small',
          requireKVM: true,
          extraSpecs: { ssd: 'true' },
          vcpus: 1,
          memoryMiB: 256,
          rootDiskGiB: 1,
          ephemeralGiB: 0,
          swapMiB: 0,
        },
        addressList: '10.0.0.5,fd00::5',
        addresses: ['10.0.0.5', 'fd00::5'].map((ipAddress) => ({
          network: 'net',
          ipAddress,
          macAddress: MAC,
          port: 'vm-0',
        })),
        scheduling: {
          node: 'n1',
          total: 3,
          evaluated: 3,
          score: 1000,
          filters: [{ name: 'Ram', refused: 1, example: 'n2: 100 MiB are free' }],
        },
        pendingChanges: ['spec.flavorRef'],
        pendingReleases: [{ node: 'n2', epoch: 1, evacuable: { incarnation: 1 } }],
        evacuable: { incarnation: 1 },
        excludedNodes: ['n3'],
        resetByUID: 'c2a7b1a7-0000-4000-8000-000000000002',
        refusals: [{ node: 'n3', message: 'node n3 has no room: 33 vCPUs are more than 16 for each of 2 CPUs' }],
        restarts: 3,
        startedAt: '2025-01-01T00:00:00Z',
      },
    },
    {
      spec: {
        flavorRef: { name: 'small' },
        imageRef: { name: 'debian' },
        userDataSecretRef: { name: 'secret', key: 'userData' },
      },
    },
  ],
  Router: [
    {
      spec: {
        interfaces: [{ subnetRef: { name: 'v4', namespace: 'team-b' } }, { portRef: { name: 'eth' } }],
        externalGateway: {
          networkRef: { name: 'public', namespace: 'admin' },
          fixedIPs: [{ subnetRef: { name: 'public' }, ipAddress: '203.0.113.10' }],
          enableSNAT: true,
          ...QOS,
        },
        routes: [{ destination: '192.168.0.0/16', nextHop: '10.0.0.9', bfd: true }],
        deletionProtection: false,
      },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        interfaces: [{ subnet: 'v4', namespace: 'team-b', subnetUID: 'uid', ipAddress: '10.0.0.1', prefixLength: 24 }],
        ports: [{ name: 'eth', uid: 'uid', fixedIPs: [{ subnetUID: 'uid', ipAddress: '10.0.1.9' }] }],
        externalGateway: {
          ...{ network: 'admin/public', networkUID: 'uid', snat: true },
          addressList: '203.0.113.10,2001:db8::10',
          fixedIPs: [
            { subnet: 'public', subnetUID: 'uid', ipAddress: '203.0.113.10', prefixLength: 24 },
            { subnet: 'public6', subnetUID: 'uid6', ipAddress: '2001:db8::10', prefixLength: 64 },
          ],
        },
        nextHops: [{ ipAddress: '10.0.0.9', state: 'UP', since: '2026-01-01T00:00:00Z' }],
        gateways: ['n1', 'n2'],
        ...QOS_STATUS,
      },
    },
  ],
  FloatingIP: [
    {
      spec: {
        networkRef: { name: 'public', namespace: 'admin' },
        subnetRef: { name: 'public' },
        ipAddress: '203.0.113.11',
        portRef: { name: 'eth' },
        fixedIPAddress: '10.0.0.11',
        ...QOS,
        deletionProtection: false,
      },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', ipAddress: '203.0.113.11', subnet: 'public', networkUID: 'uid' },
        ...{ fixedIPAddress: '10.0.0.11', port: 'eth', portUID: 'uid', router: 'team-a/main', routerUID: 'uid' },
        distributed: true,
        ...QOS_STATUS,
      },
    },
    {
      spec: {
        ...{ networkRef: { name: 'public' }, instanceRef: { name: 'web' } },
        ...{ reclaimPolicy: 'Delete', dnsName: 'www.team-a.example.com' },
      },
      status: { ...{ ...COMMON, state: 'ACTIVE', portUID: 'uid', instanceUID: 'uid' } },
    },
    {
      spec: { networkRef: { name: 'public' }, loadBalancerRef: { name: 'web' } },
      status: { ...{ ...COMMON, state: 'ACTIVE', ipAddress: '203.0.113.12', loadBalancerUID: 'uid' } },
    },
    {
      spec: {
        networkRef: { name: 'public' },
        portForwardings: [
          { protocol: 'tcp', externalPort: 2222, internalPort: 22, instanceRef: { name: 'web' } },
          {
            ...{ protocol: 'udp', externalPort: 10_000, externalEndPort: 10_099, internalPort: 20_000 },
            ...{ portRef: { name: 'eth' }, fixedIPAddress: '10.0.0.11' },
          },
        ],
      },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', ipAddress: '203.0.113.11', router: 'team-a/main', routerUID: 'uid' },
        portForwardings: [
          { protocol: 'tcp', externalPort: 2222, fixedIPAddress: '10.0.0.12', port: 'web-0', portUID: 'uid' },
          { protocol: 'udp', externalPort: 10_000, reason: 'PortNotFound' },
        ],
      },
    },
  ],
  ProviderNetwork: [
    {
      spec: {
        type: 'vlan',
        physicalNetwork: 'dc-1',
        vlanRanges: [{ minimum: 100, maximum: 199 }],
        mtu: 1500,
        dns: { upstreams: ['10.0.0.2', 'fd00::2'] },
        nodes: [
          { nodeSelector: { matchLabels: { rack: 'r1' } }, interface: 'eth1' },
          {
            ...{ bridge: 'br-dc', bandwidth: { egressKbps: 1_000_000, ingressKbps: 1_000_000 } },
            physicalFunctions: ['ens1f0', 'ens1f1'],
          },
        ],
        deletionProtection: true,
      },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', nodeCount: 2, connectedCount: 1 },
        troubles: [{ message: 'the host has no interface eth1: write another one', nodeCount: 1, nodes: ['n1'] }],
      },
    },
    { spec: { type: 'flat', physicalNetwork: 'dc-1' } },
    {
      spec: {
        ...{ type: 'external', physicalNetwork: 'sdn', nodes: [{ bridge: 'br-sdn' }] },
        controller: { name: 'sdn.example.com/l2', features: ['DHCP', 'SecurityGroups'] },
      },
    },
  ],
  Trunk: [
    {
      spec: {
        portRef: { name: 'eth0' },
        subports: [{ portRef: { name: 'blue' }, segmentationID: 100, segmentationType: 'vlan' }],
      },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        parentUID: 'u1',
        node: 'n1',
        subports: [{ port: 'blue', portUID: 'u2', segmentationID: 100 }],
      },
    },
  ],
  FirewallGroup: [
    {
      spec: {
        description: 'the edge',
        ports: [{ routerRef: { name: 'main' }, subnetRef: { name: 'front', namespace: 'infra' } }],
        ingress: { policyRefs: [{ name: 'web' }, { name: 'base', namespace: 'infra' }] },
        egress: { policyRefs: [{ name: 'out', namespace: 'infra' }] },
      },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        ingressPolicies: [{ policy: 'team/web', policyUID: 'uid-3' }],
        egressPolicies: [{ policy: 'infra/out', policyUID: 'uid-4' }],
        incomplete: true,
        ports: [
          { router: 'main', routerUID: 'uid-1', subnet: 'front', subnetUID: 'uid-2' },
          { router: 'main', routerUID: 'uid-1', port: 'leg', portUID: 'uid-5' },
        ],
      },
    },
  ],
  FirewallPolicy: [
    {
      spec: {
        description: 'web servers',
        rules: [
          {
            description: 'browsers',
            action: 'allow',
            enabled: true,
            etherType: 'IPv4',
            protocol: 'tcp',
            sourceIPPrefix: '10.0.0.0/8',
            destinationIPPrefix: '10.0.1.0/24',
            sourcePorts: { minimum: 1024, maximum: 65535 },
            destinationPorts: { minimum: 80, maximum: 443 },
          },
          { action: 'deny' },
        ],
        sharedWith: [{ namespace: '*' }],
      },
      status: { ...COMMON, state: 'ACTIVE' },
    },
  ],
  AddressGroup: [
    {
      spec: { description: 'partners', addresses: ['192.0.2.0/24', '198.51.100.7/32', 'fd00:7::/48'], ...SHARED },
      status: { ...COMMON, state: 'ACTIVE' },
    },
  ],
  QoSPolicy: [
    {
      spec: {
        ...{ description: 'what for', dscpMark: 46, ...SHARED },
        packetRateLimits: [{ direction: 'egress', maxKpps: 100, maxBurstKpps: 50 }],
        bandwidthLimits: [{ direction: 'egress', maxKbps: 10_000, maxBurstKbps: 5_000 }],
        minimumBandwidths: [{ direction: 'egress', minKbps: 1_000 }],
      },
      status: { ...COMMON, state: 'ACTIVE' },
    },
  ],
  LoadBalancer: [
    {
      spec: {
        description: 'the shop',
        vip: { subnetRef: { name: 'front' }, ipAddress: '10.0.0.100' },
        listeners: [
          {
            ...{ name: 'http', protocol: 'tcp', port: 80 },
            members: [
              { instanceSelector: { matchLabels: { app: 'web' } }, port: 8080 },
              { portRef: { name: 'eth0' } },
              { ipAddress: '10.0.0.9' },
            ],
            sessionAffinity: { timeoutSeconds: 60 },
            healthMonitor: { intervalSeconds: 5, timeoutSeconds: 3, successThreshold: 1, failureThreshold: 2 },
          },
          { name: 'dns', protocol: 'udp', port: 53 },
          {
            ...{ name: 'web', protocol: 'http', port: 8080, proxyProtocol: 'v2' },
            healthMonitor: { path: '/health', expectedCodes: '200-299' },
            rules: [
              {
                ...{ name: 'api', hostnames: ['*.example.com', 'example.com'] },
                paths: [
                  { type: 'PathPrefix', value: '/api' },
                  { type: 'Exact', value: '/' },
                ],
                pool: {
                  members: [
                    { instanceSelector: { matchLabels: { app: 'api' } }, port: 8080 },
                    { portRef: { name: 'eth1' } },
                    { ipAddress: '10.0.0.8' },
                  ],
                  ...{ proxyProtocol: 'v1', sessionAffinity: { timeoutSeconds: 60 } },
                  healthMonitor: {
                    ...{ path: '/health', expectedCodes: '200', intervalSeconds: 5, timeoutSeconds: 3 },
                    ...{ successThreshold: 1, failureThreshold: 2 },
                  },
                },
              },
              {
                name: 'old',
                redirect: { scheme: 'https', hostname: 'example.com', port: 8443, path: '/new', statusCode: 301 },
              },
              { name: 'private', paths: [{ type: 'PathPrefix', value: '/private' }], reject: { statusCode: 404 } },
            ],
          },
          {
            ...{ name: 'shop', protocol: 'https', port: 8443 },
            tls: { certificateSecretRefs: [{ name: 'shop-tls' }, { name: 'other-tls' }], minVersion: '1.2' },
          },
        ],
        deletionProtection: false,
      },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', operatingStatus: 'DEGRADED', vipAddress: '10.0.0.100', subnetUID: 'uid-1' },
        ...{ router: 'team/main', routerUID: 'uid-2' },
        externalAddresses: ['203.0.113.9'],
        probeAddresses: [{ subnet: 'front', subnetUID: 'uid-1', ipAddress: '10.0.0.101' }],
        ...{ proxyAddress: '10.0.0.102', proxyEpoch: 1 },
        proxies: [{ node: 'n1', ipAddress: '10.0.0.103', serving: true }],
        pendingReleases: [{ node: 'n2', epoch: 1, ipAddress: '10.0.0.104' }],
        certificates: [
          {
            ...{ secret: 'shop-tls', notAfter: '2026-03-01T00:00:00Z', fingerprint: 'a'.repeat(64) },
            dnsNames: ['shop.example.com'],
          },
        ],
        listeners: [
          {
            ...{ name: 'http', port: 80, memberCounts: { online: 0, offline: 1, unmonitored: 0 } },
            members: [
              {
                ...{ name: 'web-1', ipAddress: '10.0.0.5', port: 8080, status: 'OFFLINE' },
                ...{ reason: 'NoAnswer', message: 'nothing answers', since: '2026-01-01T00:00:00Z' },
              },
            ],
            rules: [
              {
                ...{ name: 'api', memberCounts: { online: 1, offline: 0, unmonitored: 0 } },
                members: [
                  {
                    ...{ name: 'api-1', ipAddress: '10.0.0.6', port: 8080, status: 'OFFLINE' },
                    ...{ reason: 'NoAnswer', message: 'nothing answers', since: '2026-01-01T00:00:00Z' },
                  },
                ],
              },
            ],
          },
        ],
      },
    },
  ],
  SubnetPool: [
    {
      spec: {
        prefixes: ['10.0.0.0/8', '172.16.0.0/12'],
        defaultPrefixLength: 24,
        minPrefixLength: 16,
        maxPrefixLength: 28,
        defaultQuota: 4096,
        addressScopeRef: { name: 'all', namespace: 'infra' },
        sharedWith: [{ namespace: 'team-a' }],
        deletionProtection: true,
      },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        ipVersion: 4,
        prefixes: ['10.0.0.0/8', '172.16.0.0/12'],
        subnets: 1,
        allocations: [{ cidr: '10.0.0.0/24', holder: 'team-a/sub', holderUID: 'u1' }],
      },
    },
    { spec: { prefixes: ['fd00::/48'] } },
  ],
  AddressScope: [
    {
      spec: { ipVersion: 4, sharedWith: [{ namespace: 'team-a' }], deletionProtection: true },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        allocations: [{ cidr: '10.0.0.0/8', holder: 'team-a/pool', holderUID: 'u1' }],
      },
    },
  ],
  Reachability: [
    {
      spec: {
        source: { portRef: { name: 'eth0' } },
        destination: { portRef: { name: 'db' } },
        ...{ protocol: 'tcp', port: 5432, sourcePort: 50_000, etherType: 'IPv4', ttlSecondsAfterFinished: 60 },
        verify: true,
      },
      status: {
        ...{ ...COMMON, state: 'Succeeded', completionTime: '2026-01-01T00:00:00Z', reachable: false },
        ...{ sourceAddress: '10.0.0.5', destinationAddress: '10.0.1.7' },
        stoppedBy: {
          ...{ direction: 'request', kind: 'SecurityGroup', namespace: 'team-a', name: 'db' },
          ...{ reason: 'SecurityGroupRuleMissing', message: 'no rule lets it pass' },
        },
        requestPath: [
          { kind: 'Port', namespace: 'team-a', name: 'eth0', action: 'Sent' },
          { kind: 'SecurityGroup', namespace: 'team-a', name: 'default', action: 'Allowed', detail: 'egress' },
        ],
        answerPath: [{ kind: 'Port', namespace: 'team-a', name: 'db', action: 'Sent', detail: 'nothing' }],
        probe: {
          ...{ result: 'Answered', message: '10.0.1.7 answered', node: 'n1', sentAt: '2026-01-01T00:00:00Z' },
          ...{ sourcePort: 50_000, roundTripMicroseconds: 900, answeredBy: '10.0.1.7' },
        },
        ...{ node: 'n1', epoch: 1 },
      },
    },
    {
      spec: {
        source: { networkRef: { name: 'public', namespace: 'infra' }, ipAddress: '203.0.113.9' },
        destination: { instanceRef: { name: 'web' } },
      },
    },
    { spec: { source: { instanceRef: { name: 'web' } }, destination: { ipAddress: '198.51.100.7' } } },
  ],
  VPNService: [
    {
      spec: { routerRef: { name: 'main' }, deletionProtection: false },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', externalIP: '203.0.113.20', network: 'infra/public', networkUID: 'u1' },
        ...{ subnet: 'public', router: 'team-a/main', routerUID: 'u2', node: 'gw-1', epoch: 2 },
        ...{ externalIPv6: '2001:db8::20', subnetIPv6: 'public-v6' },
        pendingReleases: [{ node: 'gw-2', epoch: 1 }],
      },
    },
  ],
  VPNConnection: [
    {
      spec: {
        ...{ vpnServiceRef: { name: 'main' }, peerAddress: '198.51.100.7', peerID: 'gw.example.com' },
        ...{ localID: 'gw@example.org', peerCIDRs: ['172.16.0.0/16'], localCIDRs: ['10.1.0.0/24'] },
        preSharedKeySecretRef: { name: 'office', key: 'psk' },
        ...{ initiator: 'bi-directional', dpd: { intervalSeconds: 30 }, deletionProtection: false },
        ikePolicy: {
          ...{ encryptionAlgorithm: 'aes-256-gcm-16', authAlgorithm: 'sha256', pfs: 'group19' },
          lifetimeSeconds: 14_400,
        },
        ipsecPolicy: {
          ...{ encryptionAlgorithm: 'aes-256-gcm-16', authAlgorithm: 'sha256', pfs: 'group19' },
          lifetimeSeconds: 3600,
        },
      },
      status: {
        ...{ ...COMMON, state: 'ACTIVE', since: '2026-01-01T00:00:00Z', vpnServiceUID: 'u3' },
        localCIDRs: ['10.1.0.0/24'],
        localID: 'gw@example.org',
      },
    },
    {
      spec: {
        ...{ vpnServiceRef: { name: 'main' }, peerAddress: '198.51.100.7', peerCIDRs: ['172.16.0.0/16'] },
        ...{ certificateSecretRef: { name: 'gw' }, peerID: 'C=CH, O=Example, CN=gw' },
      },
      status: {
        certificate: { subject: 'CN=cloud', issuer: 'CN=root', notAfter: '2027-01-01T00:00:00Z' },
        localID: 'cloud.example.org',
      },
    },
  ],
  HostAggregate: [
    {
      spec: {
        description: 'nodes with fast disks',
        nodes: ['compute-1'],
        nodeSelector: { 'example.com/disk': 'nvme' },
        metadata: { ssd: 'true', filter_tenant_id: 'team-a,team-b' },
        availabilityZone: 'b',
      },
      status: { ...COMMON, state: 'ACTIVE', nodeCount: 1, nodes: ['compute-1'] },
    },
  ],
  ServerGroup: [
    {
      spec: { policy: 'anti-affinity', maxServersPerHost: 2 },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        memberCount: 2,
        members: [{ name: 'vm', node: 'compute-1' }, { name: 'waits' }],
      },
    },
  ],
  SchedulerProfile: [
    {
      spec: {
        description: 'packs machines',
        filters: ['RamFilter', 'CoreFilter'],
        weighers: [{ name: 'RAMWeigher', multiplier: '-1.5' }],
        customFilters: [{ name: 'FewMachines', expression: 'node.instances < 10' }],
        customWeighers: [{ name: 'FreeDisk', expression: 'node.freeDiskGiB', multiplier: '2' }],
        maxInstancesPerHost: 20,
        maxIoOpsPerHost: 4,
        isolation: { nodes: ['compute-1'], images: [{ namespace: 'images', name: 'windows' }], restrict: false },
      },
      status: { ...COMMON, state: 'ACTIVE' },
    },
  ],
  Quota: [
    {
      spec: { hard: { instances: 10, cores: 20, ram: 51_200, 'gigabytes.fast': 100, serverGroupMembers: 5 } },
      status: {
        ...COMMON,
        state: 'ACTIVE',
        hard: { instances: 10, cores: 20, ram: 51_200, 'gigabytes.fast': 100, serverGroupMembers: 5 },
        used: { instances: 2, cores: 4, ram: 8192 },
        reserved: { instances: 1, cores: 2, ram: 4096 },
      },
    },
  ],
  PlacementPreview: [
    {
      spec: {
        template: {
          ...{ flavorRef: { name: 'small' }, imageRef: { name: 'debian', namespace: 'images' } },
          networks: [
            { networkRef: { name: 'net', namespace: 'shared' }, vnicType: 'vhostuser' },
            { portRef: { name: 'mine' } },
          ],
          ...{ availabilityZone: 'a', serverGroupRef: { name: 'apart' } },
          schedulerHints: {
            ...{ sameHost: ['web'], differentHost: ['db'], buildNearHostIP: '10.0.0.1', cidr: '/24' },
            ...{ query: '[">=", "$free_ram_mb", 1024]', node: 'compute-1' },
          },
        },
        ...{ count: 3, namespace: 'team-a', ignoreQuota: true, detailed: true, limit: 5 },
        ttlSecondsAfterFinished: 60,
      },
      status: {
        ...{ ...COMMON, state: 'Succeeded', completionTime: '2026-01-01T00:00:00Z', fits: 1, unjudged: 1 },
        overQuota: 'Quota team-a/main allows 1 instances',
        placements: [{ node: 'n1', instances: 1 }],
        scheduling: {
          ...{ node: 'n1', total: 2, evaluated: 2, score: 2000 },
          filters: [{ name: 'RamFilter', refused: 1, example: 'n2 has 0 of 1024 MiB of memory free' }],
        },
        nodes: [
          { name: 'n1', instances: 1, score: 2000, weights: [{ name: 'RAMWeigher', weight: 1000 }] },
          { name: 'n2', refusedBy: [{ name: 'RamFilter', message: 'has 0 of 1024 MiB of memory free' }] },
        ],
      },
    },
    {
      spec: { drainNode: 'n1' },
      status: {
        ...{ ...COMMON, state: 'Succeeded', fits: 1, instances: 2 },
        machines: [
          { namespace: 'team-a', name: 'vm', message: 'all 2 nodes were refused', evacuable: false },
          { namespace: 'team-a', name: 'web', node: 'n2', evacuable: true },
        ],
      },
    },
    { spec: { instanceRef: { name: 'vm' } } },
  ],
  InstanceAction: [
    {
      spec: {
        ...{ instanceRef: { name: 'web-1' }, type: 'Reboot', reboot: { type: 'Soft', softTimeoutSeconds: 30 } },
        ...{ cancel: false, ignoreLock: false, requestedBy: 'alice' },
        ...{ activeDeadlineSeconds: 90, ttlSecondsAfterFinished: 3600 },
      },
      status: {
        ...{ ...COMMON, state: 'Succeeded', startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:00:01Z' },
        ...{ node: 'compute-1', epoch: 1, instanceUID: 'b1a7b1a7-0000-4000-8000-000000000001' },
        steps: [{ name: 'ShutdownAsked', time: '2026-01-01T00:00:00.123Z' }],
      },
    },
    {
      spec: {
        ...{ instanceRef: { name: 'web-1' }, type: 'SetAdminPassword' },
        setAdminPassword: { userName: 'ada', passwordSecretRef: { name: 'new-password', key: 'password' } },
      },
    },
    {
      spec: { instanceRef: { name: 'web-1' }, type: 'Rebuild', rebuild: { preserveEphemeral: true } },
      status: {
        ...{ ...COMMON, state: 'Running', rootDisk: 1 },
        image: { namespace: 'images', name: 'debian', uid: 'u5', sha256: 'a'.repeat(64) },
      },
    },
    {
      spec: {
        ...{ instanceRef: { name: 'web-1' }, type: 'Rescue' },
        rescue: { imageRef: { namespace: 'images', name: 'rescue' } },
      },
    },
    {
      spec: {
        ...{ instanceRef: { name: 'web-1' }, type: 'Snapshot' },
        snapshot: {
          ...{ imageName: 'web-1-before', imageStoreRef: { name: 'default' }, quiesce: 'Required' },
          backup: { type: 'daily', keep: 3 },
        },
      },
      status: {
        ...{ ...COMMON, state: 'Running', progressPercent: 40, bytesLeft: 1024 },
        snapshot: {
          ...{ imageName: 'web-1-before', imageUID: 'u6', imageStore: 'default' },
          ...{ sha256: 'a'.repeat(64), sizeBytes: 1024, virtualSizeBytes: 2048 },
        },
      },
    },
  ],
  ConsoleAccess: [
    {
      spec: { instanceRef: { name: 'web' }, type: 'Serial', ttlSeconds: 60, force: true, requestedBy: 'jane' },
      status: {
        ...COMMON,
        ...{ state: 'Closed', url: 'https://console.example.com/serial/n1/u/a', tokenSecretRef: { name: 'web-token' } },
        ...{ tokenSHA256: 'f'.repeat(64), notAfter: '2026-01-01T00:00:00Z', node: 'n1', epoch: 1, instanceUID: 'u' },
        ...{ openedAt: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:00:00Z' },
      },
    },
  ],
  ImageStore: [
    {
      spec: {
        ...{ driver: 'file', file: { path: '/srv/images', requireMount: true }, copies: 2, default: true },
        nodeSelector: { matchLabels: { disk: 'hdd' } },
      },
      status: { ...COMMON, state: 'up', nodes: [{ node: 'n1', totalGiB: 100, freeGiB: 50, error: 'none' }] },
    },
  ],
}
