// SPDX-License-Identifier: Apache-2.0
// A VPN gateway that is not ours: a host of its own on the physical network, with Debian's strongSwan, set by hand as its administrator would, and a
// network behind it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecResult } from '../../lib/exec.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { fabricNet } from '../../local/node/fabric.ts'
import { execInNode, startNode, stopNode, waitForNode } from '../../local/node/node.ts'
import type { TestCloud } from './cloud.ts'
import { waitUntilTrue } from './wait.ts'

/** Far from any node's number, and from those of VLAN hosts. */
const INDEX = 239
/** Of a host behind it, which is the gateway itself. */
export const BEHIND = { address: '172.20.0.1', cidr: '172.20.0.0/24' }

/** The same of IPv6, and where the gateway itself is then. */
export const BEHIND_V6 = { address: 'fd00:172:20::1', cidr: 'fd00:172:20::/64' }
export const OUTSIDE_V6 = { cidr: 'fd00:97::/64', gateway: 'fd00:97::1', office: 'fd00:97::fb' }

/** swanctl takes private keys from beside it. */
const CONF = '/etc/swanctl/foreign.conf'

const DAEMON = `charon-systemd {
  load = random nonce openssl pem pkcs1 pkcs8 x509 pubkey kernel-libipsec kernel-netlink socket-default vici updown
  plugins {
    vici {
      socket = unix:///run/foreign.vici
    }
    kernel-libipsec {
      load = yes
    }
  }
}
`

/** By what it proves itself, and whom it believes: a key that both know, or PEM of its certificate, that one's key, and our authority. */
export type ForeignProof = { psk: string } | { certificate: string; privateKey: string; authority: string }

const connections = (own: string, peer: string, peerCIDRs: string, proof: ForeignProof) => `connections {
  site {
    version = 2
    local_addrs = ${own}
    remote_addrs = ${peer}
    proposals = aes256-sha256-modp2048
    dpd_delay = 2s
    unique = replace
    local {
      ${'psk' in proof ? 'auth = psk' : 'auth = pubkey\n      certs = /etc/swanctl/x509/own.pem'}
      id = office.example.com
    }
    remote {
      ${'psk' in proof ? 'auth = psk' : 'auth = pubkey\n      cacerts = /etc/swanctl/x509ca/cloud.pem'}
      id = ${peer}
    }
    children {
      net {
        local_ts = ${BEHIND.cidr}${peerCIDRs.includes(':') ? `,${BEHIND_V6.cidr}` : ''}
        remote_ts = ${peerCIDRs}
        esp_proposals = aes256-sha256-modp2048
      }
    }
  }
}
secrets {
  ${'psk' in proof ? `ike-site {\n    secret = "${proof.psk}"\n  }` : ''}
}
`

export interface ForeignGateway extends AsyncDisposable {
  address: string
  run(argv: readonly string[], timeoutMs?: number): Promise<ExecResult>
  /** Starts its strongSwan with this peer, at the address of that one's family. @param peerCIDRs with commas between */
  start(peer: string, peerCIDRs: string, proof: ForeignProof): Promise<void>
  /** Ends it without a word to anybody. */
  kill(): Promise<void>
}

export async function startForeignGateway(test: TestCloud): Promise<ForeignGateway> {
  const { fabric, rootfs, subnet } = test.cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const dir = await mkdtemp(join(tmpdir(), 'nephele-foreign-'))
  const node = { index: INDEX }
  const { managementOf, tunnelOf, external } = addressesOf(subnet)
  // Beyond the pools of the cloud's own Subnet.
  const address = external.network.replace(/\d+\/\d+$/, '251')
  const running = await startNode({
    ...{ dir, name: 'office', ...node, rootfs, fabricNet: fabricNet(fabric) },
    managementCidr: `${managementOf(node)}/24`,
    tunnelCidr: `${tunnelOf(node)}/24`,
    ...{ services: [], files: {}, binds: [], endsWithUs: true },
  })
  const run = (argv: readonly string[], timeoutMs = 30_000) => execInNode(running, argv, { timeoutMs })
  const stop = async () => {
    await stopNode(running)
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await waitForNode(running)
    await run(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth2'])
    await run(['ethtool', '-K', 'eth2', 'tx', 'off'])
    await run(['ip', 'address', 'add', `${BEHIND.address}/32`, 'dev', 'lo'])
    await run(['ip', 'address', 'add', `${OUTSIDE_V6.office}/64`, 'dev', 'eth2', 'nodad'])
    await run(['ip', 'address', 'add', `${BEHIND_V6.address}/128`, 'dev', 'lo'])
  } catch (error) {
    await stop()
    throw error
  }
  const write = (path: string, text: string) => execInNode(running, ['tee', path], { timeoutMs: 10_000, input: text })
  const swanctl = ['swanctl', '--load-all', '--uri', 'unix:///run/foreign.vici', '--file', CONF]
  return {
    address,
    run,
    async start(peer, peerCIDRs, proof) {
      await write('/run/strongswan.conf', DAEMON)
      const own = peer.includes(':') ? OUTSIDE_V6.office : address
      await write(CONF, connections(own, peer, peerCIDRs, proof))
      if ('certificate' in proof) {
        await run(['mkdir', '-p', ...['x509', 'x509ca', 'private'].map((folder) => `/etc/swanctl/${folder}`)])
        await write('/etc/swanctl/x509/own.pem', proof.certificate)
        await write('/etc/swanctl/private/own.pem', proof.privateKey)
        await write('/etc/swanctl/x509ca/cloud.pem', proof.authority)
      }
      const background = [
        'start-stop-daemon',
        '--start',
        '--background',
        '--make-pidfile',
        '--pidfile',
        '/run/foreign.pid',
      ]
      await run([
        ...background,
        '--startas',
        '/usr/bin/env',
        '--',
        'STRONGSWAN_CONF=/run/strongswan.conf',
        '/usr/sbin/charon-systemd',
      ])
      await waitUntilTrue('the foreign charon', async () =>
        run(swanctl).then(
          () => true,
          () => undefined,
        ),
      )
    },
    async kill() {
      await run(['sh', '-c', 'kill -9 $(cat /run/foreign.pid); rm -f /run/foreign.vici'])
    },
    [Symbol.asyncDispose]: stop,
  }
}
