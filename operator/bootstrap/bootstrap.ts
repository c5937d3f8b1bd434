// SPDX-License-Identifier: Apache-2.0
// What no chart template can make: authorities, server certificates and the keys of the bus. Runs before each install and upgrade;
// keeps what is there, renews certificates at two thirds of their life.
import { randomBytes } from 'node:crypto'
import type { KubeClient } from '../../lib/kube/client.ts'
import { createAccountKey, createUserKey, publicKeyOf } from '../../lib/nats/nkey.ts'
import { toServerConfig } from '../../lib/nats/server-config.ts'
import {
  createAuthority,
  isAnsweredBy,
  loadAuthority,
  signRequest,
  type Authority,
  type Subject,
} from '../../lib/pki/authority.ts'
import { createPrivateKey, createRequest } from '../../lib/pki/key.ts'
import { NBD_AUTHORITY } from '../../lib/pki/nbd-authority.ts'
import { CONFIG_MAP, ensureData, SECRET, type Data } from './secrets.ts'

export interface BootstrapOptions {
  namespace: string
  natsReplicas: number
  natsStorageGiB: number
  /** Where users reach consoles; absent: nowhere. */
  consoleURL?: string | undefined
  now: Date
}

const AUTHORITY_DAYS = 3650
const SERVER_DAYS = 730
/** That the operator connects as. */
const USERS = ['callout', 'operator', 'system'] as const
const NATS_CLIENTS = 4222
const NATS_MEMBERS = 6222
const NATS_MONITOR = 8222

/** May run any number of times, and twice at once. */
export async function bootstrap(client: KubeClient, options: BootstrapOptions): Promise<void> {
  const { namespace, now } = options
  const cloud = await ensureAuthority(client, namespace, 'nephele-ca', 'Nephele', now)
  // An authority of its own: nodes' certificates come from the cloud's, and must not let a node write to the northbound database.
  const northbound = await ensureAuthority(client, namespace, 'nephele-northbound-ca', 'Nephele northbound', now)
  // What volumes are opened and served with: running guests hold it for as long as they run.
  await ensureAuthority(client, namespace, NBD_AUTHORITY.secret, NBD_AUTHORITY.commonName, now, NBD_AUTHORITY.days)
  const certificate = cloud.certificate.toString('pem')
  await ensureData(client, namespace, {
    kind: CONFIG_MAP,
    name: 'nephele-ca',
    renew: keepUnless(
      (found) => found['ca.crt'] === certificate,
      async () => ({ 'ca.crt': certificate }),
    ),
  })
  await ensureCertificate(client, options, {
    name: 'nephele-nats-tls',
    authority: cloud,
    subject: { commonName: 'nephele-nats', names: natsNames(namespace) },
    more: { 'ca.crt': certificate },
  })
  await ensureCertificate(client, options, {
    name: 'nephele-ovn-tls',
    authority: cloud,
    subject: { commonName: 'nephele-ovn', names: serviceNames('nephele-ovn', namespace) },
    more: { 'ca.crt': certificate, 'northbound-ca.crt': northbound.certificate.toString('pem') },
  })
  await ensureCertificate(client, options, {
    name: 'nephele-operator-tls',
    authority: northbound,
    subject: { commonName: 'nephele-operator', names: [] },
    more: { 'ca.crt': certificate },
  })
  // A name that no node can have, so that the nodes' role grants it no node's rows.
  await ensureCertificate(client, options, {
    name: 'nephele-operator-southbound-tls',
    authority: cloud,
    subject: { commonName: 'system:nephele-southbound-reader', names: [] },
    more: { 'ca.crt': certificate },
    usage: 'client',
  })
  const { consoleURL } = options
  if (consoleURL !== undefined) {
    const names = [...serviceNames('nephele-console', namespace), new URL(consoleURL).hostname]
    await ensureCertificate(client, options, {
      ...{ name: 'nephele-console-tls', authority: cloud, subject: { commonName: 'nephele-console', names } },
      more: { 'ca.crt': certificate },
    })
  }
  await ensureRoutes(client, options)
  await ensureNats(client, options)
}

/** What NATS servers know each other by: an authority that signs nobody else, and a certificate from it that all of them share. */
async function ensureRoutes(client: KubeClient, options: BootstrapOptions): Promise<void> {
  const { namespace, now } = options
  const routes = await ensureAuthority(client, namespace, 'nephele-nats-routes-ca', 'Nephele NATS routes', now)
  await ensureCertificate(client, options, {
    name: 'nephele-nats-routes-tls',
    authority: routes,
    subject: { commonName: 'nephele-nats-member', names: memberNames(namespace) },
    more: { 'ca.crt': routes.certificate.toString('pem') },
  })
}

async function ensureAuthority(
  client: KubeClient,
  namespace: string,
  name: string,
  commonName: string,
  now: Date,
  days = AUTHORITY_DAYS,
): Promise<Authority> {
  const data = await ensureData(client, namespace, {
    kind: SECRET,
    name,
    type: 'kubernetes.io/tls',
    // Never renewed by itself: every node trusts it.
    renew: keepUnless(
      () => true,
      async () => {
        const files = await createAuthority(commonName, days, now)
        return { 'tls.crt': files.certificate, 'tls.key': files.privateKey }
      },
    ),
  })
  return loadAuthority({ certificate: data['tls.crt'] ?? '', privateKey: data['tls.key'] ?? '' })
}

interface CertificateWanted {
  name: string
  authority: Authority
  subject: Subject
  /** Put beside it. */
  more: Data
  /** Absent: both. */
  usage?: 'client'
}

async function ensureCertificate(
  client: KubeClient,
  { namespace, now }: BootstrapOptions,
  { name, authority, subject, more, usage }: CertificateWanted,
): Promise<void> {
  const isGood = async (found: Data): Promise<boolean> => {
    if (!found['tls.key'] || !found['tls.crt']) return false
    if (Object.entries(more).some(([file, text]) => found[file] !== text)) return false
    const request = await createRequest(found['tls.key'], subject.commonName)
    return isAnsweredBy(request, found['tls.crt'], subject, { authority, now })
  }
  const make = async (): Promise<Data> => {
    const key = await createPrivateKey()
    const request = await createRequest(key, subject.commonName)
    const certificate = await signRequest(request, subject, {
      authority,
      days: SERVER_DAYS,
      now,
      ...(usage ? { usage } : {}),
    })
    return { 'tls.crt': certificate, 'tls.key': key, ...more }
  }
  await ensureData(client, namespace, {
    kind: SECRET,
    name,
    type: 'kubernetes.io/tls',
    renew: keepUnless(isGood, make),
  })
}

async function ensureNats(client: KubeClient, options: BootstrapOptions): Promise<void> {
  const { namespace } = options
  const keys = await ensureData(client, namespace, {
    kind: SECRET,
    name: 'nephele-nats-keys',
    // One of an older version lacks a key.
    renew: async (found) => {
      if (found && USERS.every((user) => found[`${user}.seed`] !== undefined)) return found
      const seeds = USERS.map((user) => [`${user}.seed`, createUserKey().seed] as const)
      return { 'issuer.seed': createAccountKey().seed, ...Object.fromEntries(seeds), ...found }
    },
  })
  const { password = '' } = await ensureData(client, namespace, {
    kind: SECRET,
    name: 'nephele-nats-routes-password',
    renew: keepUnless(
      (found) => found['password'] !== undefined,
      async () => ({ password: randomBytes(32).toString('hex') }),
    ),
  })
  const wanted = natsConfigs(keys, password, options)
  const isGood = (found: Data) => JSON.stringify(found) === JSON.stringify(wanted)
  await ensureData(client, namespace, {
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

function keepUnless(isGood: (found: Data) => boolean | Promise<boolean>, make: () => Promise<Data>) {
  return async (found: Data | undefined): Promise<Data> => (found && (await isGood(found)) ? found : make())
}
