// SPDX-License-Identifier: Apache-2.0
// What a charon is started with and told. Pure. No word of a user is in its file; all that users choose goes to it over vici, where values have
// lengths and nothing is quoted, and only in the forms that the contract has checked.
import { isIP } from 'node:net'
import { isSubject, type VpnCertificate, type VpnConnection } from '../../lib/contract/vpn.ts'
import type { OpenConnection } from './open-spec.ts'
import type { ViciSection } from '../../lib/vici/message.ts'

/**
 * strongswan.conf(5). Nothing is read from /etc; packets are encrypted in charon itself (kernel-libipsec), by way of a tun device: the same on every
 * kernel. Routes are ours, so that nothing leaves in clear while a tunnel is down. Whoever does not answer is given up after 1 + 1.6 + 2.6 + 4.1 + 6.6 s.
 * From one address five half-open connections at most, and cookies from ten on: peers are asked from anywhere.
 */
export function strongswanConf(socketPath: string): string {
  return `charon-systemd {
  load = random nonce openssl pem pkcs1 pkcs8 x509 constraints pubkey kernel-libipsec kernel-netlink socket-default vici
  install_routes = no
  install_virtual_ip = no
  retransmit_timeout = 1.0
  retransmit_base = 1.6
  retransmit_tries = 4
  block_threshold = 5
  cookie_threshold = 10
  half_open_timeout = 20
  send_vendor_id = no
  journal {
    default = 0
  }
  plugins {
    vici {
      socket = unix://${socketPath}
    }
    kernel-libipsec {
      load = yes
    }
  }
}
`
}

/** The tun device of kernel-libipsec, whatever it is told. */
export const TUNNEL_DEVICE = 'ipsec0'

const ENCRYPTION: Readonly<Record<VpnConnection['ikePolicy']['encryptionAlgorithm'], string>> = {
  'aes-128': 'aes128',
  'aes-192': 'aes192',
  'aes-256': 'aes256',
  'aes-128-gcm-16': 'aes128gcm16',
  'aes-192-gcm-16': 'aes192gcm16',
  'aes-256-gcm-16': 'aes256gcm16',
}

/** IANA's numbers of Diffie-Hellman groups in strongSwan's words. */
const GROUPS: Readonly<Record<VpnConnection['ikePolicy']['pfs'], string>> = {
  group14: 'modp2048',
  group15: 'modp3072',
  group16: 'modp4096',
  group19: 'ecp256',
  group20: 'ecp384',
  group21: 'ecp521',
  group31: 'curve25519',
}

/** Ciphers of the GCM family protect integrity themselves: there the hash makes keys alone. */
function isCombined({ encryptionAlgorithm }: VpnConnection['ikePolicy']): boolean {
  return encryptionAlgorithm.includes('gcm')
}

export function ikeProposal(policy: VpnConnection['ikePolicy']): string {
  const { encryptionAlgorithm, authAlgorithm, pfs } = policy
  const hash = isCombined(policy) ? `prf${authAlgorithm}` : `${authAlgorithm}-prf${authAlgorithm}`
  return `${ENCRYPTION[encryptionAlgorithm]}-${hash}-${GROUPS[pfs]}`
}

export function espProposal(policy: VpnConnection['ipsecPolicy']): string {
  const { encryptionAlgorithm, authAlgorithm, pfs } = policy
  const hash = isCombined(policy) ? '' : `-${authAlgorithm}`
  return `${ENCRYPTION[encryptionAlgorithm]}${hash}-${GROUPS[pfs]}`
}

/** An address or a subject by itself, as charon reads it; all else with its type before it, so that nothing else in it means anything. */
export function typedIdentity(id: string): string {
  if (isIP(id) !== 0 || isSubject(id)) return id
  return id.includes('@') ? `rfc822:${id}` : `fqdn:${id}`
}

/**
 * For load-conn: its name is the connection's uid, as that of its one child is.
 * @param certificate that it names: the peer's has to be of one of its authorities, whatever else charon knows
 */
export function connectionMessage(
  connection: VpnConnection,
  localAddress: string,
  certificate?: VpnCertificate,
): ViciSection {
  const { uid, peerAddress, peerID, localID, peerCIDRs, localCIDRs, ikePolicy, ipsecPolicy, dpdSeconds } = connection
  const own: ViciSection = certificate
    ? { auth: 'pubkey', certs: pemOf(certificate.chain.slice(0, 1)) }
    : { auth: 'psk' }
  const theirs: ViciSection = certificate
    ? { auth: 'pubkey', cacerts: pemOf(certificate.authorities) }
    : { auth: 'psk' }
  return {
    [uid]: {
      version: '2',
      local_addrs: [localAddress],
      remote_addrs: [peerAddress],
      proposals: [ikeProposal(ikePolicy)],
      rekey_time: `${ikePolicy.lifetimeSeconds}`,
      dpd_delay: `${dpdSeconds}`,
      encap: 'yes',
      mobike: 'no',
      unique: 'replace',
      // Whoever begins anew is the agent, which can say why it failed.
      keyingtries: '1',
      'local-1': { ...own, id: typedIdentity(localID) },
      'remote-1': { ...theirs, id: typedIdentity(peerID) },
      children: {
        [uid]: {
          mode: 'tunnel',
          local_ts: [...localCIDRs],
          remote_ts: [...peerCIDRs],
          esp_proposals: [espProposal(ipsecPolicy)],
          rekey_time: `${ipsecPolicy.lifetimeSeconds}`,
          start_action: 'none',
          close_action: 'none',
          dpd_action: 'clear',
        },
      },
    },
  }
}

/** For load-shared. */
export function sharedKeyMessage({ uid, preSharedKey = '', localID, peerID }: OpenConnection): ViciSection {
  return { id: uid, type: 'IKE', data: preSharedKey, owners: [typedIdentity(localID), typedIdentity(peerID)] }
}

/** For load-key. */
export function privateKeyMessage({ privateKey }: VpnCertificate): ViciSection {
  return { type: 'any', data: toPem('PRIVATE KEY', privateKey) }
}

/** For load-cert, one by one: what charon sends with our certificate. It trusts none of them. */
export function intermediateMessages({ chain }: VpnCertificate): ViciSection[] {
  return pemOf(chain.slice(1)).map((data) => ({ type: 'X509', flag: 'NONE', data }))
}

function pemOf(certificates: readonly string[]): string[] {
  return certificates.map((der) => toPem('CERTIFICATE', der))
}

/** RFC 7468. */
function toPem(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g)?.join('\n') ?? ''}\n-----END ${label}-----\n`
}
