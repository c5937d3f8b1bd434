// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SECRET } from '../lib/api/kinds.ts'
import type { Secret } from '../lib/api/types.ts'
import { OPERATOR_INBOX, SYSTEM_INBOX } from '../lib/contract/subjects.ts'
import { HttpKubeClient } from '../lib/kube/http-client.ts'
import { loadKubeConfig } from '../lib/kube/kubeconfig.ts'
import { createLogger, type Logger } from '../lib/log.ts'
import { EventRecorder } from '../lib/loop/events.ts'
import { startHealthServer } from '../lib/health-server.ts'
import { LoopMetrics } from '../lib/loop/metrics.ts'
import type { CertificateMetrics } from '../lib/metrics/certificate-metrics.ts'
import { connectBus, watchConnection } from '../lib/nats/connect.ts'
import { parseRemotes } from '../lib/ovsdb/remote.ts'
import { loadAuthority } from '../lib/pki/authority.ts'
import { NBD_AUTHORITY } from '../lib/pki/nbd-authority.ts'
import { absentNetwork } from './network/absent-network.ts'
import { serveCallOut } from './auth/call-out.ts'
import { whyShut } from './auth/why-shut.ts'
import { DEFAULT_LIMITS } from '../lib/nats/streams.ts'
import { JetStreamBus } from './bus/jetstream-bus.ts'
import { NodeLoads } from './bus/node-loads.ts'
import { systemServers } from './bus/bus-servers.ts'
import { readCertificateEnds } from './bus/certificate-ends.ts'
import { CertificateWatch } from './bus/certificate-watch.ts'
import { systemSessions } from './bus/sessions.ts'
import { candidacy, watchStore } from './leadership/candidate.ts'
import { readConfig, readSeed, type OperatorConfig, type TlsFiles } from './config.ts'
import { findResource } from './kind/document-kinds.ts'
import { cachesOf } from './kind/informers.ts'
import { lead } from './leadership/leadership.ts'
import { OvnNetworkDriver, type OvnNetworkDriverOptions } from './network/ovn/ovn-network-driver.ts'
import { registerOperatorMetrics } from './metrics/operator-metrics.ts'
import type { OvnMetrics } from './metrics/ovn-metrics.ts'
import { mayWatchInstances } from './auth/subscribers.ts'

const LEASE_NAME = 'nephele-operator'
const AUTHORITY_SECRET = 'nephele-ca'

/** The one place where the operator's parts are made and joined. */
async function main(config: OperatorConfig, log: Logger, signal: AbortSignal): Promise<void> {
  const metrics = new LoopMetrics()
  const limits = { ...DEFAULT_LIMITS, replicas: config.nats.copies }
  const client = new HttpKubeClient(loadKubeConfig(config.kubeconfig), { onRequest: metrics.onRequest })
  const { informers, watched, history } = watchStore({ client, log, metrics: metrics.listWatch })
  const loads = new NodeLoads()
  const { version } = config
  const shown = registerOperatorMetrics(metrics, { informers, watched, loads, version })
  nameCertificates(config, shown.certificates)
  let isBusConnected = false
  const health = await startHealthServer({
    ...config.http,
    registry: metrics.registry,
    unready: () => [...informers.unsynced().map((kind) => `cache of ${kind}`), ...(isBusConnected ? [] : ['NATS'])],
  })
  log.info({ port: health.port }, 'started')
  const events = new EventRecorder({
    client,
    log,
    controller: 'nephele.dev/operator',
    instance: config.identity,
    onDrop: (why) => metrics.eventsDropped.inc({ why }),
  })

  const synced = informers.start(signal)
  const address = { servers: config.nats.servers, caFile: config.nats.caFile }
  const connectAs = async (name: 'operator' | 'callout' | 'system', inboxPrefix: string) => {
    const told = shown.bus.connection(name)
    const connection = await connectBus({
      ...{ address, inboxPrefix, log, signal, name },
      credentials: { seed: readSeed(config, name) },
    })
    told(true)
    watchConnection(connection, log.child({ connection: name }), signal, told)
    return connection
  }
  const [nc, calloutNc, systemNc] = await Promise.all([
    connectAs('operator', OPERATOR_INBOX),
    connectAs('callout', OPERATOR_INBOX),
    connectAs('system', SYSTEM_INBOX),
  ])
  isBusConnected = true
  const callOut = serveCallOut(calloutNc, {
    issuerSeed: readSeed(config, 'issuer'),
    createTokenReview: (review, deadline) =>
      client.review('/apis/authentication.k8s.io/v1/tokenreviews', review, { signal: deadline }),
    mayWatch: mayWatchInstances(client),
    // Not before it is known which nodes there are: an agent that comes too early tries again.
    whyShut: async (node) => {
      await synced
      const { nodes, computeNodes } = watched
      return whyShut(nodes.cache.find(undefined, node), computeNodes.cache.find(undefined, node))
    },
    onAnswer: (outcome) => metrics.busLogins.inc({ outcome }),
    log,
  })
  await synced

  const { ovn } = config
  const election = candidacy(watched, {
    client,
    lease: { namespace: config.namespace, name: LEASE_NAME },
    identity: `${config.identity}_${randomBytes(4).toString('hex')}`,
    log,
    onTransition: (leading, term) => {
      metrics.leading.set(leading ? 1 : 0)
      metrics.term.set(term)
    },
  })
  await election.run(signal, async (fence) => {
    const authority = await findAuthority(client, config, AUTHORITY_SECRET, log)
    const nbdAuthority = await findAuthority(client, config, NBD_AUTHORITY.secret, log)
    if (authority) shown.certificates.known('ca', authority.authority.certificate.notAfter)
    if (nbdAuthority) shown.certificates.known('nbd-ca', nbdAuthority.authority.certificate.notAfter)
    fence.signal.addEventListener('abort', () => shown.bus.unfollow(), { once: true })
    await lead(fence, {
      client,
      namespace: config.namespace,
      informers,
      watched,
      events,
      metrics,
      log,
      history,
      ...(authority ? { authority } : {}),
      ...(nbdAuthority ? { nbdAuthority } : {}),
      lifetimes: config.lifetimes,
      consoleURL: config.consoleURL,
      drainHolds: config.drainHolds,
      certificateWatch: new CertificateWatch({
        servers: systemServers(systemNc),
        readEnds: (until) => readCertificateEnds(client, config.namespace, until),
        known: (secret, notAfter) => shown.certificates.known(secret, notAfter),
        now: () => new Date(),
        log,
      }),
      settings: ovn ? { ovnRemote: ovn.southbound } : {},
      makeBus: (writer, heartbeat) =>
        new JetStreamBus({
          ...{ nc, writer, log, heartbeat, limits, loads },
          sessions: systemSessions(systemNc, log),
          isKnown: (kind, uid) => findResource(kind, uid, cachesOf(watched)) !== undefined,
          onExcess: (excess) => metrics.busExcess.inc({ excess }),
          onUnknown: () => metrics.busUnknown.inc(),
          followStateOf: (bucket) => shown.bus.follow(bucket),
        }),
      makeNetwork: (until) => makeNetwork(config, until, log, shown.ovn),
    })
  })
  await callOut.stop()
  await events.close()
  await Promise.allSettled([nc.drain(), calloutNc.drain(), systemNc.drain()])
  await client.close()
  await health.close()
}

function makeNetwork({ ovn }: OperatorConfig, signal: AbortSignal, log: Logger, metrics: OvnMetrics) {
  if (!ovn) return absentNetwork()
  const { reader, traceProgram, traceMemoryMiB: memoryMiB } = ovn
  if (!reader) log.warn('nobody watches which node claims which port: NEPHELE_OVN_SB_READ is not set')
  const driver = new OvnNetworkDriver({
    remotes: parseRemotes(ovn.northbound),
    ...identityOf(ovn.tls),
    onDisconnect: (error) => {
      metrics.lost('northbound')
      log.warn({ err: error }, 'connection to the OVN northbound database lost')
    },
    ...(reader
      ? {
          southbound: {
            remotes: parseRemotes(reader.remote),
            ...identityOf(reader.tls),
            onDisconnect: (error) => {
              metrics.lost('southbound')
              log.warn({ err: error }, 'connection to the OVN southbound database lost')
            },
          },
        }
      : {}),
    ...(reader && traceProgram !== undefined
      ? { trace: { command: [traceProgram], database: reader.remote, tls: reader.tls, memoryMiB } }
      : {}),
  })
  driver.start(signal)
  metrics.watch(() => driver.connections(), signal)
  return driver
}

/** Read at each connection: files are renewed. */
function identityOf(files: TlsFiles | undefined): Pick<OvnNetworkDriverOptions, 'tls'> {
  if (!files) return {}
  const read = (file: string) => readFileSync(file, 'utf8')
  return { tls: () => ({ ca: read(files.caFile), cert: read(files.certFile), key: read(files.keyFile) }) }
}

/** What this process shows to others, and by which it knows them; authorities are added when it leads. */
function nameCertificates({ nats, ovn }: OperatorConfig, certificates: CertificateMetrics): void {
  certificates.file('bus-ca', nats.caFile)
  if (ovn?.tls) certificates.file('northbound', ovn.tls.certFile)
  if (ovn?.reader?.tls) certificates.file('southbound', ovn.reader.tls.certFile)
}

/** Who signs for nodes: a Secret that the chart or the local cloud made. */
async function findAuthority(client: HttpKubeClient, config: OperatorConfig, name: string, log: Logger) {
  const secret = await client.find<Secret>(SECRET, { namespace: config.namespace, name })
  const decode = (base64 = '') => Buffer.from(base64, 'base64').toString('utf8')
  const [certificate, privateKey] = [decode(secret?.data?.['tls.crt']), decode(secret?.data?.['tls.key'])]
  if (certificate === '' || privateKey === '') {
    log.warn({ secret: name, namespace: config.namespace }, 'no authority to sign nodes with')
    return undefined
  }
  return { authority: await loadAuthority({ certificate, privateKey }), authorityPem: certificate }
}

const log = createLogger('operator')
const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    log.info({ signal: name }, 'stopping')
    stop.abort()
  })
}
try {
  await main(readConfig(process.env), log, stop.signal)
  process.exit(0)
} catch (error) {
  if (!stop.signal.aborted) log.fatal({ err: error }, 'ended')
  process.exit(stop.signal.aborted ? 0 : 1)
}
