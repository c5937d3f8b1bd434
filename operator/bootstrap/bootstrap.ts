// SPDX-License-Identifier: Apache-2.0
// What no chart template can make: authorities, server certificates and the keys of the bus. Runs before each install and upgrade, and
// each day to renew certificates; keeps what is there.
import { randomBytes } from 'node:crypto'
import type { KubeClient } from '../../lib/kube/client.ts'
import { createAccountKey, createUserKey, publicKeyOf } from '../../lib/nats/nkey.ts'
import { toServerConfig } from '../../lib/nats/server-config.ts'
import { BUS_CERTIFICATES } from '../../lib/pki/certificate-ends.ts'
import { NBD_AUTHORITY } from '../../lib/pki/nbd-authority.ts'
import { Certificates } from './certificates.ts'
import { CONFIG_MAP, SECRET } from '../../lib/api/kinds.ts'
import { ensureData, keepUnless, type Data, type Store } from './secrets.ts'

export interface BootstrapOptions {
  namespace: string
  natsReplicas: number
  natsStorageGiB: number
  /** Where users reach consoles; absent: nowhere. */
  consoleURL?: string | undefined
  now: Date
  /** What is missing is not made. */
  renewOnly?: boolean
}

/** That the operator connects as. */
const USERS = ['callout', 'operator', 'system'] as const
const NATS_CLIENTS = 4222
const NATS_MEMBERS = 6222
const NATS_MONITOR = 8222

/** May run any number of times, and twice at once. @throws when something that it may not make is missing, or is not what it should be */
export async function bootstrap(client: KubeClient, options: BootstrapOptions): Promise<void> {
  const { namespace, now, renewOnly = false } = options
  const store: Store = { client, namespace, mayCreate: !renewOnly }
  const certificates = new Certificates(store, now)
  const cloud = await certificates.authority('nephele-ca', 'Nephele')
  // An authority of its own: nodes' certificates come from the cloud's, and must not let a node write to the northbound database.
  const northbound = await certificates.authority('nephele-northbound-ca', 'Nephele northbound')
  // What volumes are opened and served with: running guests hold it for as long as they run.
  await certificates.authority(NBD_AUTHORITY.secret, NBD_AUTHORITY.commonName, NBD_AUTHORITY.days)
  const certificate = cloud.certificate.toString('pem')
  await ensureData(store, {
    kind: CONFIG_MAP,
    name: 'nephele-ca',
    renew: keepUnless(
      (found) => found['ca.crt'] === certificate,
      async () => ({ 'ca.crt': certificate }),
    ),
  })
  await certificates.signed({
    name: BUS_CERTIFICATES.clients,
    authority: cloud,
    subject: { commonName: 'nephele-nats', names: natsNames(namespace) },
    more: { 'ca.crt': certificate },
  })
  await certificates.signed({
    name: 'nephele-ovn-tls',
    authority: cloud,
    subject: { commonName: 'nephele-ovn', names: serviceNames('nephele-ovn', namespace) },
    more: { 'ca.crt': certificate, 'northbound-ca.crt': northbound.certificate.toString('pem') },
  })
  await certificates.signed({
    name: 'nephele-operator-tls',
    authority: northbound,
    subject: { commonName: 'nephele-operator', names: [] },
    more: { 'ca.crt': certificate },
  })
  // A name that no node can have, so that the nodes' role grants it no node's rows.
  await certificates.signed({
    name: 'nephele-operator-southbound-tls',
    authority: cloud,
    subject: { commonName: 'system:nephele-southbound-reader', names: [] },
    more: { 'ca.crt': certificate },
    usage: 'client',
  })
  // What NATS servers know each other by: an authority that signs nobody else, and a certificate from it that all of them share.
  const routes = await certificates.authority('nephele-nats-routes-ca', 'Nephele NATS routes')
  await certificates.signed({
    name: BUS_CERTIFICATES.routes,
    authority: routes,
    subject: { commonName: 'nephele-nats-member', names: memberNames(namespace) },
    more: { 'ca.crt': routes.certificate.toString('pem') },
  })
  const { consoleURL } = options
  if (consoleURL !== undefined) {
    const names = [...serviceNames('nephele-console', namespace), new URL(consoleURL).hostname]
    await certificates.signed({
      ...{ name: 'nephele-console-tls', authority: cloud, subject: { commonName: 'nephele-console', names } },
      more: { 'ca.crt': certificate },
    })
  }
  // Has no end; and a change of it is an upgrade's to make.
  if (!renewOnly) await ensureNats(store, options)
  await certificates.writeEnds()
}

async function ensureNats(store: Store, options: BootstrapOptions): Promise<void> {
  const keys = await ensureData(store, {
    kind: SECRET,
    name: 'nephele-nats-keys',
    // One of an older version lacks a key.
    renew: async (found) => {
      if (found && USERS.every((user) => found[`${user}.seed`] !== undefined)) return found
      const seeds = USERS.map((user) => [`${user}.seed`, createUserKey().seed] as const)
      return { 'issuer.seed': createAccountKey().seed, ...Object.fromEntries(seeds), ...found }
    },
  })
  const { password = '' } = await ensureData(store, {
    kind: SECRET,
    name: 'nephele-nats-routes-password',
    renew: keepUnless(
      (found) => found['password'] !== undefined,
      async () => ({ password: randomBytes(32).toString('hex') }),
    ),
  })
  const wanted = natsConfigs(keys, password, options)
  const isGood = (found: Data) => JSON.stringify(found) === JSON.stringify(wanted)
  await ensureData(store, {
    kind: SECRET,
    name: 'nephele-nats-config',
    renew: keepUnless(isGood, async () => wanted),
  })
}

/** A file for each member, by the name of its pod; it holds the keys' public halves and the members' password. */
function natsConfigs(
  keys: Data,
  password: string,
  { namespace, natsReplicas, natsStorageGiB }: BootstrapOptions,
): Data {
  const pods = Array.from({ length: natsReplicas }, (_, i) => `nephele-nats-${i}`)
  const cluster = {
    name: 'nephele',
    listen: `0.0.0.0:${NATS_MEMBERS}`,
    members: pods.map((pod) => `${pod}.nephele-nats-members.${namespace}.svc:${NATS_MEMBERS}`),
    tls: {
      certFile: '/etc/nats/routes/tls.crt',
      keyFile: '/etc/nats/routes/tls.key',
      caFile: '/etc/nats/routes/ca.crt',
    },
    password,
  }
  const configOf = (pod: string) =>
    toServerConfig({
      serverName: pod,
      listen: `0.0.0.0:${NATS_CLIENTS}`,
      httpListen: `0.0.0.0:${NATS_MONITOR}`,
      storeDir: '/data',
      // Room for the server's own files.
      maxFileBytes: Math.floor(natsStorageGiB * 0.9 * 1024 ** 3),
      maxMemoryBytes: 64 * 1024 ** 2,
      tls: { certFile: '/etc/nats/tls/tls.crt', keyFile: '/etc/nats/tls/tls.key', caFile: '/etc/nats/tls/ca.crt' },
      issuerPublicKey: publicKeyOf(keys['issuer.seed'] ?? ''),
      calloutPublicKey: publicKeyOf(keys['callout.seed'] ?? ''),
      operatorPublicKey: publicKeyOf(keys['operator.seed'] ?? ''),
      systemPublicKey: publicKeyOf(keys['system.seed'] ?? ''),
      // One server alone is no cluster: JetStream would wait for a majority of an unknown number.
      ...(natsReplicas > 1 ? { cluster } : {}),
    })
  return Object.fromEntries(pods.map((pod) => [`${pod}.conf`, configOf(pod)]))
}

function natsNames(namespace: string): string[] {
  return [...serviceNames('nephele-nats', namespace), ...memberNames(namespace)]
}

function memberNames(namespace: string): string[] {
  return serviceNames('*.nephele-nats-members', namespace).filter((name) => name.includes('.svc'))
}

function serviceNames(service: string, namespace: string): string[] {
  return [
    service,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]
}
