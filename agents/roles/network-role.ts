// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import type { PacketLog } from '../../lib/contract/packet-log.ts'
import { packetLogSubject } from '../../lib/contract/subjects.ts'
import { parseRemotes } from '../../lib/ovsdb/remote.ts'
import type { RowChange } from '../../lib/ovsdb/row-change.ts'
import { BalancerDaemons } from '../balancer/balancer-daemons.ts'
import { BalancerReconciler } from '../balancer/balancer-reconciler.ts'
import { MetadataService } from '../metadata/metadata-service.ts'
import type { AgentRole, RoleContext } from '../node/role.ts'
import { planChassis, type Chassis } from '../network/drivers/ovs/chassis-plan.ts'
import { chooseDatapath } from '../network/drivers/ovs/datapath.ts'
import { GatewayAnnouncer, type SouthboundAccess } from '../network/drivers/ovs/gateway-announcer.ts'
import { OvsPacketRates } from '../network/drivers/ovs/ovs-packet-rates.ts'
import { OvsProbeDriver } from '../network/drivers/ovs/ovs-probe-driver.ts'
import { OvsPortDriver, switchReady } from '../network/drivers/ovs/ovs-port-driver.ts'
import { PhysicalNetworks, withTroubles } from '../network/drivers/ovs/physical-networks.ts'
import { DEFAULT_SWITCH_SOCKET, openSwitchDatabase, rootRow } from '../network/drivers/ovs/switch-database.ts'
import { followPacketLog } from '../network/packet-log/packet-log.ts'
import { PortDirectory } from '../network/packet-log/port-directory.ts'
import { VpnReconciler } from '../vpn/vpn-reconciler.ts'
import { ProbeReconciler } from '../network/probe/probe-reconciler.ts'
import { ProbeRecords } from '../network/probe/probe-records.ts'
import { PacketRates } from '../network/packet-rates.ts'
import { PortReconciler } from '../network/port-reconciler.ts'
import { ServicePorts } from '../network/service-ports.ts'
import { healthFolder, readHealth, watchHealth } from '../resolver/health-file.ts'
import { PresenceWatch } from '../resolver/presence.ts'
import { VirtualFunctions } from '../network/virtual-functions/virtual-functions.ts'
import { resolverFolder, ServedNetworks } from '../resolver/served-networks.ts'
import { chooseLaunch } from '../daemons/launcher.ts'
import { reclaimOperations } from '../network/drivers/ovs/reclaim.ts'
import { readDpdk, readSwitchInventory, switchInstance } from '../network/drivers/ovs/switch-inventory.ts'

export interface NetworkRoleOptions {
  /** Of ovsdb-server on this host. */
  switchSocket?: string
}

/**
 * The L2 role, which every node with guests has: makes the host a chassis of OVN, connects it to physical networks, plugs ports,
 * serves metadata. The switch and ovn-controller are services of the host. Does nothing before its reconciler is started.
 */
export function createNetworkRole(context: RoleContext, options: NetworkRoleOptions = {}): AgentRole {
  const { log } = context
  const stop = new AbortController()
  const database = openSwitchDatabase({
    ...(options.switchSocket ? { socketPath: options.switchSocket } : {}),
    onDisconnect: (err) => log.warn({ err }, 'the switch database is not reachable'),
  })
  const switchDir = dirname(options.switchSocket ?? DEFAULT_SWITCH_SOCKET)
  context.metrics.switchConnection(() => database.synced)
  const driver = context.metrics.measure('ovs', new OvsPortDriver(database, context.node))
  const served = new ServedNetworks(resolverFolder(context.runDir))
  const metadata = new MetadataService({
    ...{ driver, log },
    onServed: ({ spec }) =>
      served.serve(spec.networkUid, {
        ...(spec.dnsDomain === undefined ? {} : { domain: spec.dnsDomain }),
        ...(spec.providerNetwork === undefined ? {} : { providerNetwork: spec.providerNetwork }),
      }),
    onEnded: (networkUid) => served.end(networkUid),
  })
  const physical = new PhysicalNetworks({
    database,
    node: context.node,
    addresses: [context.address, context.encapAddress],
    log,
    onReport: () => context.inventoryChanged(),
  })
  const gateways = new GatewayAnnouncer({ node: context.node, switch: database, switchDir, log })
  const paths = { dataDir: context.stateDir, runDir: context.runDir }
  database.onSync((synced) => synced && context.inventoryChanged())
  // A switch that has just started takes a while to say whether it has DPDK.
  database.onChange((changes) => {
    const changed = (c: RowChange) => !isDeepStrictEqual(readDpdk(c.before), readDpdk(c.after))
    if (changes.some((c) => c.table === 'Open_vSwitch' && changed(c))) context.inventoryChanged()
    const reclaims = reclaimOperations(changes)
    if (reclaims.length === 0) return
    const onError = (err: unknown) =>
      log.warn({ err }, 'a port stays without its mark in the switch until OVN looks again')
    database.transact(reclaims, stop.signal).catch(onError)
  })
  const directory = new PortDirectory()
  const packetLog = {
    file: '/var/log/ovn/ovn-controller.log',
    runDir: '/run/ovn',
    ports: directory,
    say: (packets: PacketLog) => context.say(packetLogSubject(context.node), JSON.stringify(packets)),
    log,
  }
  void followPacketLog(packetLog, stop.signal)
  const functions = new VirtualFunctions({ folder: join(context.stateDir, 'virtual-functions'), log })
  const ports = new PortReconciler({
    ...{ driver, paths, services: [metadata, directory], switchInstance: () => switchInstance(switchDir) },
    ready: (signal) => switchReady(database, signal),
    bridgeOf: (controller) => physical.bridgeOf(controller),
    rates: new PacketRates(driver, new OvsPacketRates(switchDir)),
    functions,
  })
  const vpn = new VpnReconciler({
    ...{ driver, runDir: context.runDir, ready: (signal) => switchReady(database, signal) },
    sealing: context.sealing,
    launch: async (daemon, signal) => (await chooseLaunch())(daemon, signal),
  })
  const probes = new ProbeReconciler({
    driver: new OvsProbeDriver(database, switchDir),
    records: new ProbeRecords(join(context.stateDir, 'probes')),
  })
  let wanted: Chassis | undefined
  /** The bridges of SDN controllers. */
  let controlled: NonNullable<NodeSpec['physicalNetworks']> = []
  const configure = async (signal: AbortSignal): Promise<void> => {
    await switchReady(database, signal)
    context.hostSwitch.datapath = chooseDatapath(database)
    context.hostSwitch.pmdCpus = readDpdk(rootRow(database)?.row).pmdCpus ?? []
    const operations = wanted ? planChassis(database, wanted) : []
    if (operations.length === 0) return
    await database.transact(operations, signal)
    log.info({ ovnRemote: wanted?.ovnRemote, encapAddress: context.encapAddress }, 'chassis configured')
  }
  // The host's scripts write settings of their own when they start the switch: ovs-ctl renames the chassis.
  const keep = (): void => {
    if (!wanted || !database.synced || planChassis(database, wanted).length === 0) return
    void configure(stop.signal).catch((err: unknown) => {
      if (!stop.signal.aborted) log.warn({ err }, 'cannot restore the chassis settings')
    })
  }
  database.onSync(keep)
  database.onChange((changes) => {
    if (changes.some((c) => c.table === 'Open_vSwitch')) keep()
  })
  const balancers = new BalancerReconciler({
    ...{ ports: new ServicePorts(driver), runDir: context.runDir, sealing: context.sealing, log },
    ready: (signal) => switchReady(database, signal),
    daemons: new BalancerDaemons(async (daemon, signal) => (await chooseLaunch())(daemon, signal)),
  })
  const health = healthFolder(context.runDir)
  const watching = watchHealth(health, () => context.inventoryChanged())
  watching.catch((err: unknown) => log.warn({ err }, "the resolver's word is looked at once a minute"))
  const presence = new PresenceWatch(health, () => context.inventoryChanged())
  void presence.run(stop.signal)
  database.start(stop.signal)
  return {
    name: 'network',
    reconcilers: [ports, balancers, vpn, probes],
    inventory: [
      {
        name: 'switch',
        collect: async (signal) => ({
          ...(await readSwitchInventory(database, switchDir, signal)),
          encapAddress: context.encapAddress,
        }),
      },
      {
        name: 'physical networks',
        collect: async () => {
          await physical.ensure()
          const cards = await functions.inventory()
          return {
            ...(physical.report ? { physicalNetworks: withTroubles(physical.report, cards?.troubles) } : {}),
            ...(cards ? { pciDevices: cards.devices } : {}),
          }
        },
      },
      {
        name: 'resolver',
        collect: async () => {
          const { awaySince } = presence
          const state = await readHealth(health)
          if (awaySince === undefined) return state ? { resolver: state } : {}
          return { resolver: { ...(state ?? { from: 'node', upstreams: [] }), awaySince } }
        },
      },
    ],
    configure: async (spec, signal) => {
      wanted = toChassis(spec, context)
      await configure(signal)
      await gateways.follow(southboundOf(spec, context))
      functions.want(spec.physicalNetworks)
      await physical.want(spec.physicalNetworks)
      context.inventoryChanged()
      const bridges = (spec.physicalNetworks ?? []).filter(({ controller }) => controller !== undefined)
      if (!isDeepStrictEqual(bridges, controlled)) ports.lookAgain()
      controlled = bridges
      await served.setUpstreams({
        ...(spec.dnsUpstreams ? { addresses: spec.dnsUpstreams } : {}),
        ...(spec.dnsUpstreamsOf ? { ofProviderNetworks: spec.dnsUpstreamsOf } : {}),
        ...(spec.withoutDnsUpstreams ? { withoutUpstreams: spec.withoutDnsUpstreams } : {}),
      })
    },
    stop: async () => {
      metadata.stop()
      vpn.stop()
      physical.stop()
      await gateways.stop()
      await watching.then((end) => end()).catch(() => undefined)
      stop.abort()
      await database.close()
    },
  }
}

/** @throws TypeError when the operator sent a remote that ovn-controller could not use */
function toChassis(spec: NodeSpec, context: RoleContext): Chassis {
  const { keyFile, certificateFile, authorityFile } = context.identity
  if (spec.ovnRemote !== undefined) parseRemotes(spec.ovnRemote)
  return {
    systemId: context.node,
    encapIp: context.encapAddress,
    ...(spec.ovnRemote ? { ovnRemote: spec.ovnRemote } : {}),
    ...(spec.certificate ? { tls: { privateKey: keyFile, certificate: certificateFile, caCert: authorityFile } } : {}),
  }
}

/** Undefined for a node that carries no gateways, or may not ask yet. */
function southboundOf(
  { roles, ovnRemote, certificate }: NodeSpec,
  { identity }: RoleContext,
): SouthboundAccess | undefined {
  if (roles.gateway !== true || ovnRemote === undefined) return undefined
  const remotes = parseRemotes(ovnRemote)
  if (certificate === undefined) return remotes.some(({ transport }) => transport === 'ssl') ? undefined : { remotes }
  const read = (path: string) => readFileSync(path, 'utf8')
  const { authorityFile, certificateFile, keyFile } = identity
  return { remotes, tls: () => ({ ca: read(authorityFile), cert: read(certificateFile), key: read(keyFile) }) }
}
