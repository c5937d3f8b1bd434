// SPDX-License-Identifier: Apache-2.0
// Every reason that the operator waits for ends without a person's further help: when its cause ends, the object goes on, and no timer
// is needed for it. QuietOperator has none.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { explainedReasons, reasonsIn, stallingReasons } from '../../scripts/reasons.ts'
import { KINDS, KIND_NAMES } from '../kinds.ts'
import { resourceKindOf, type KindName, type Reference } from '../kind/row.ts'
import { QuietCloud } from '../testing/quiet-cloud.ts'
import { BALANCER_ROWS } from '../testing/waits/balancers.ts'
import { EXTERNAL_NETWORK_ROWS } from '../testing/waits/external-networks.ts'
import { FIREWALL_ROWS } from '../testing/waits/firewalls.ts'
import { FLOATING_IP_ROWS } from '../testing/waits/floating-ips.ts'
import { IN_USE_ROWS } from '../testing/waits/in-use.ts'
import { MACHINE_NEED_ROWS } from '../testing/waits/machine-needs.ts'
import { MACHINE_PLACE_ROWS } from '../testing/waits/machine-places.ts'
import { NETWORK_ROWS } from '../testing/waits/networks.ts'
import { NODE_ROWS } from '../testing/waits/nodes.ts'
import { PROVIDER_NETWORK_ROWS } from '../testing/waits/provider-networks.ts'
import { PLACEMENT_PREVIEW_ROWS } from '../testing/waits/placement-previews.ts'
import { CONSOLE_ACCESS_ROWS } from '../testing/waits/console-accesses.ts'
import { IMAGE_STORE_ROWS } from '../testing/waits/image-stores.ts'
import { INSTANCE_ACTION_ROWS } from '../testing/waits/instance-actions.ts'
import { REACHABILITY_ROWS } from '../testing/waits/reachabilities.ts'
import { REFERENCE_ROWS } from '../testing/waits/references.ts'
import { QUOTA_ROWS } from '../testing/waits/quotas.ts'
import { QOS_ROWS } from '../testing/waits/qos.ts'
import { RELEASE_ROWS } from '../testing/waits/releases.ts'
import { ROUTER_ROWS } from '../testing/waits/routers.ts'
import type { WaitRow } from '../testing/waits/row.ts'
import { SCHEDULING_ROWS } from '../testing/waits/scheduling.ts'
import { STORAGE_ROWS } from '../testing/waits/storage.ts'
import { TRUNK_ROWS } from '../testing/waits/trunks.ts'
import { SUBNET_POOL_ROWS } from '../testing/waits/subnet-pools.ts'
import { VIRTUAL_FUNCTION_ROWS } from '../testing/waits/virtual-functions.ts'
import { VPN_ROWS } from '../testing/waits/vpns.ts'

const ROWS: WaitRow[] = [
  ...REFERENCE_ROWS,
  ...IN_USE_ROWS,
  ...MACHINE_NEED_ROWS,
  ...MACHINE_PLACE_ROWS,
  ...NETWORK_ROWS,
  ...PROVIDER_NETWORK_ROWS,
  ...EXTERNAL_NETWORK_ROWS,
  ...ROUTER_ROWS,
  ...FLOATING_IP_ROWS,
  ...FIREWALL_ROWS,
  ...TRUNK_ROWS,
  ...VIRTUAL_FUNCTION_ROWS,
  ...QOS_ROWS,
  ...QUOTA_ROWS,
  ...BALANCER_ROWS,
  ...VPN_ROWS,
  ...STORAGE_ROWS,
  ...SUBNET_POOL_ROWS,
  ...RELEASE_ROWS,
  ...NODE_ROWS,
  ...INSTANCE_ACTION_ROWS,
  ...IMAGE_STORE_ROWS,
  ...CONSOLE_ACCESS_ROWS,
  ...REACHABILITY_ROWS,
  ...PLACEMENT_PREVIEW_ROWS,
  ...SCHEDULING_ROWS,
]

describe.each(ROWS.map((row) => [titleOf(row), row] as const))('%s', (_, row) => {
  test.each([false, true])('goes on once that has ended; runs interleaved: %s', async (isInterleaved) => {
    const cloud = await QuietCloud.furnished()
    cloud.operator.isInterleaved = isInterleaved
    await row.waits(cloud)
    await cloud.operator.rest()
    const where = typeof row.where === 'function' ? row.where(cloud) : row.where
    expect(cloud.operator.reason(...where, row.of)).toBe(row.reason)
    await row.ends(cloud)
    await cloud.operator.rest()
    expect(cloud.operator.reason(...where, row.of)).toBe(row.next ?? 'Ready')
  })

  test('goes on though it ended before anybody could see that it waited', async () => {
    const cloud = await QuietCloud.furnished()
    await row.waits(cloud)
    await cloud.operator.rest(false)
    const where = typeof row.where === 'function' ? row.where(cloud) : row.where
    await row.ends(cloud)
    await cloud.operator.rest()
    expect(cloud.operator.reason(...where, row.of)).toBe(row.next ?? 'Ready')
  })
})

/** What a person ends, what nothing in the cluster can announce, and what is no wait of an object: each with its reason. */
const ELSEWHERE: Record<string, string> = {
  OtherImage: 'a condition of an Instance that only tells: root-disk.test.ts',
  ImageUnknown: 'the same',
  BootsFromRescueDisk: 'the same: instance-action/rescue.test.ts',
  ControlPlaneRegressed: 'stands until an administrator raises spec.incarnation: regression.integration.test.ts',
  NodeAhead: 'the same, for one object: proved within seconds by a timer, newer-facts.test.ts',
  ImageDataMissing:
    'of a stored Image, by the report of a node that has its bytes again: instance-action/snapshot.test.ts',
  Checking: 'the Cloud’s own look at the store, every two seconds',
  TooMuchWritten: 'ten minutes after the last excess, by the run’s own timer: compute-node.test.ts',
  SubnetWithoutGateway: 'of a Router: a person names another Subnet',
  RouteWithoutEffect: 'of a Router: a person takes the route out, or writes another range',
  AddressScopeMismatch: 'of a Router: a person takes a Subnet out, or names another',
  FirewallPending: 'of a Router, until its FirewallGroup is ACTIVE there: router/guards.test.ts',
  NextHopNotWatched: 'of a Router: a person takes bfd out, or writes another next hop',
  NextHopUnreachable: 'of a Router: a person writes another address, or the Subnet that has it',
  OverQuota: 'of a Quota, which is Ready all the same: a person deletes something, or raises it',
  NotUsed: 'a second Cloud: a person deletes it',
  Stopped: 'as spec.runState wants it: nothing is waited for',
  SecretNotFound: 'Secrets are not watched: looked for every 10 s',
  SecretNotPermitted: 'roles are not watched: ever more rarely, at most every ten minutes',
  UserDataTooLarge: 'the same: ever more rarely, at most every ten minutes',
  NoFreeMAC: 'any of sixteen million Ports ends it: looked at every minute',
  SubnetsSettling: 'a Subnet of the same apply: it wakes the object, or the time for it is over',
  PortPending: 'our own cache is behind our own write, for 200 ms',
  AddressContention: 'two leaders at one moment: retried with back-off',
  NetworkNotConfigured: 'the operator’s own configuration: a restart ends it',
  NetworkBackendUnreachable:
    'thrown, tried again with back-off; network-supervision.test.ts has all looked at when it is back',
  NetworkBackendRefused: 'thrown, tried again with back-off',
  BusUnavailable: 'thrown, tried again with back-off',
  BusConflict: 'thrown, tried again with back-off',
  Disconnected: 'the health of the bus, of which the Cloud’s reason is made',
  ManyNodesSilent: 'the health of the bus, of which the Cloud’s reason is made',
  Unreachable: 'the health of the network backend, of which the Cloud’s reason is made: NetworkUnreachable',
  NotLeader: 'the same',
  CertificateRefused: 'the same',
  NorthdBehind: 'the same',
  ClaimsNotWatched: 'the same',
  Error: 'thrown, tried again with back-off',
  Forbidden: 'thrown, tried again with back-off',
  WriteRefused: 'thrown, tried again with back-off',
  IPFamilyMismatch: 'of a LoadBalancer: a person writes another address',
  TooManyMembers: 'of a LoadBalancer: whoever narrows the selector, or a machine that goes, wakes it',
  NotReached: 'of a member of a LoadBalancer, as its Router and Port: load-balancer/controller.test.ts',
  PortDown: 'the same',
  NotProbedYet: 'the same, as what probes find',
  MemberNotProbed:
    'of a member of a LoadBalancer: a person names its Port, or an address of its Subnet comes free, as for all who wait for one',
  NoCertificate: 'the same, as its Secret: looked at every minute',
  NoAnswer: 'the same',
  Progressing: 'the first write of a run that goes on at once',
  AtNextStart: 'the condition ResizePending: a person starts the machine anew',
  DiskCannotShrink: 'the same: a person names another Flavor',
  OtherNUMATopology: 'the same',
  TooManyConnections: 'of a VPNConnection: another one that goes wakes it, as for PeerInUse',
  TunnelDown: 'a node’s report: whatever it says next wakes the object, as for PeerNotAnswering',
  VPNFailed: 'a node’s report: whatever it says next wakes the object, as for Provisioning',
  Closed: 'of a ConsoleAccess: its end',
  ConsoleOpened: 'an Event of it',
  ConsoleClosed: 'the same',
  Expired: 'the same',
  InstanceGone: 'the same',
  InstanceMoved: 'the same',
  ConsolesOff: 'the same: the operator’s own configuration',
  KeyInvalid: 'a node’s report: whatever it says next wakes the object, as for Provisioning',
  SecretNotVPNKey: 'Secrets are not watched: looked at every minute',
  PreSharedKeyInvalid: 'the same',
  SecretNotTLS: 'the same',
  SecretNotAdminPassword: 'the same, every 10 s, for a minute',
  AdminPasswordInvalid: 'the same',
  CertificateInvalid: 'the same',
  CertificateExpired: 'the same',
  CertificateExpiresSoon: 'the condition CertificatesValid: whoever renews it, as above',
  ProbeFailed: 'a node’s report: whatever it says next wakes the object, as for Probing',
  Failed: 'a node’s report: whatever it says next wakes the object, as for Building',
  Refused: 'a node’s last report: stalls',
  PlugFailed: 'a node’s report: whatever it says next wakes the object, as for Plugging',
  VolumeFailed: 'a node’s report: whatever it says next wakes the object, as for Provisioning',
  ImportFailed: 'a node’s report: whatever it says next wakes the object, as for Importing',
  CertificatePending: 'a node’s report: it asks again when its document comes',
  Settling:
    'of a Reachability: our own runs for what it hangs on, each write of which wakes it: reachability/controller.test.ts',
  TraceUnavailable: 'thrown, tried again with back-off for a minute',
  AddressNotInUse: 'status.stoppedBy of a Reachability: nothing waits for it',
  NoFloatingIP: 'status.stoppedBy of a Reachability: nothing waits for it',
  ReferencePending: 'our own run for what it names, whose first status wakes it',
  NoRouter: 'status.stoppedBy of a Reachability: nothing waits for it',
  PortUnused: 'status.stoppedBy of a Reachability: nothing waits for it',
  InstanceNotRunning: 'status.stoppedBy of a Reachability: nothing waits for it',
  InstanceRescued: 'of an InstanceAction, which fails at once: instance-action/rescue.test.ts',
  InstanceNotRescued: 'the same',
  InstanceLocked: 'of an InstanceAction, which fails at once: instance-action/reconcile.test.ts',
  StoppedElsewhere: 'status.stoppedBy of a Reachability: nothing waits for it',
  PortSecurity: 'status.stoppedBy of a Reachability: nothing waits for it',
  NoSecurityGroup: 'status.stoppedBy of a Reachability: nothing waits for it',
  SecurityGroupRuleMissing: 'status.stoppedBy of a Reachability: nothing waits for it',
  FirewallRuleMissing: 'status.stoppedBy of a Reachability: nothing waits for it',
  FirewallRuleDenies: 'status.stoppedBy of a Reachability: nothing waits for it',
  NoRoute: 'status.stoppedBy of a Reachability: nothing waits for it',
  RouterAddress: 'status.stoppedBy of a Reachability: nothing waits for it',
  Dropped: 'status.stoppedBy of a Reachability: nothing waits for it',
  LeadsElsewhere: 'status.stoppedBy of a Reachability: nothing waits for it',
}
const EVENTS = [
  'PacketsDropped',
  'PacketsAccepted',
  'ResizeRefused',
  'Evacuated',
  'Reclaimed',
  'Rescheduled',
  'GuestHoldsInterface',
  'AddressNotExclusive',
  'Scheduled',
  'Started',
  'Restarted',
  'Imported',
  'TunnelUp',
  'NodeUp',
  'NodeDown',
  'NodeOpened',
  'NodeClosed',
]
const WELL = [
  'Ready',
  'Healthy',
  'Consistent',
  'Issued',
  'Listed',
  'WithinShare',
  'AsRequested',
  'Named',
  'StandbyReady',
  'NextHopsAnswer',
  'MachinesOnRecord',
  'UpstreamsAnswer',
  'Answered',
  'Succeeded',
  'AllValid',
]

/** Of one kind: what code that it shares with others can say, and it cannot. */
const NOT_OF_KIND: Partial<Record<KindName, Record<string, string>>> = {
  computeNodes: { PolicyBroken: 'a condition that only tells, with an Event: instance/kept-out.test.ts' },
  firewallGroups: {
    InUse: 'nothing refers to a FirewallGroup',
    RouterDeleting: 'it stands there until the Router is gone',
  },
  flavors: { InUse: 'nobody holds one: a machine has its size in its status' },
  floatingIPs: {
    InUse: 'nothing refers to a FloatingIP',
    SubnetDeleting: 'it holds the Subnet of its address, and asks for none that is being deleted',
    RouterNotFound: 'it names no Router: it finds one that leads there',
    RouterDeleting: 'the same',
  },
  hostAggregates: { InUse: 'nothing refers to a HostAggregate' },
  schedulerProfiles: { InUse: 'nothing refers to a SchedulerProfile: Flavors name it by an extra spec' },
  images: {
    NodeSilent: 'only while the list of what its node is still to release is full',
    NodeLost:
      'until the node is not lost any more, or a person gives the Image up: publish.test.ts, instance-action/snapshot.test.ts',
    OwnershipUnclear:
      'of one restored without its status, by the report of a node that keeps it: instance-action/snapshot.test.ts',
  },
  instanceActions: {
    NodeLost: 'as NodeSilent, by the machine, which leaves that node or is deleted',
    ImageNotFound: 'of a Rebuild or Rescue: looked at every two seconds, for a minute: rebuild.test.ts',
    ImageNotReady: 'the same',
    ImageDeleting: 'the same',
    ReferenceOverQuota: 'the same',
    RootDiskUnclear: 'the same',
    NoValidHost: 'of a Rebuild, which fails at once: rebuild.test.ts',
  },
  instances: {
    InUse: 'what holds a machine, a FloatingIP that goes with it, goes by itself',
  },
  qosPolicies: { ReferenceOverQuota: 'of those that name one' },
  trunks: { InUse: 'nothing refers to a Trunk', NodeSilent: 'its Ports say it: it waits for these' },
  loadBalancers: {
    InUse: 'nothing refers to a LoadBalancer',
    RouterNotFound: 'it names no Router: it finds the one that joins its Subnet',
    NetworkNotReady: 'what a Router joins is of a Network that is there',
    NodeSilent: 'only while the list of what its node is still to release is full',
    RouterDeleting: 'the same',
  },
  reachabilities: {
    NoGatewayNode: 'status.stoppedBy: nothing waits for it',
    InUse: 'nothing refers to a Reachability',
    NodeLost: 'as NodeSilent, by the watch of its node; its time is over within a minute',
  },
  subnets: { SubnetNotReady: 'of it, to others' },
  vpnServices: {
    NoSubnet: 'its Router has no gateway on a Network without a Subnet',
    NetworkNotReady: 'its Router has a gateway there, and so it is',
    NetworkNotFound: 'it names none: it has an address where its Router has',
    NetworkDeleting: 'the same',
    SubnetNotFound: 'the same',
    SubnetDeleting: 'the same',
    NodeLost: 'its Router leaves such a node, and so it has another one, or NoGatewayNode',
  },
  vpnConnections: { InUse: 'nothing refers to a VPNConnection', NodeLost: 'as for its VPNService' },
  volumes: {
    StoragePoolDeleting: 'a pool is named by the VolumeType; volumes hold theirs',
    ReferenceOverQuota: 'no Quota counts VolumeTypes',
  },
}

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = readFileSync(join(ROOT, 'docs', 'troubleshooting.md'), 'utf8')
const STALLING = stallingReasons(PAGE)
const ANYWHERE = new Set([...Object.keys(ELSEWHERE), ...EVENTS, ...WELL])

test.each(KIND_NAMES)('each reason that the controller of %s can wait with is in the table for that kind', (kind) => {
  const rows = new Set(ROWS.filter((row) => kindOf(row) === kind).map(({ reason }) => reason))
  const said = reasonsOf(kind)
  const not = NOT_OF_KIND[kind] ?? {}
  const isOpen = (reason: string) => ![STALLING, ANYWHERE, rows].some((known) => known.has(reason)) && !(reason in not)
  expect([...said].filter(isOpen)).toEqual([])
  expect(Object.keys(not).filter((reason) => !said.has(reason))).toEqual([])
})

/** What the kind's folder can say, and the code that it imports, other kinds' folders left out. `<kind>NotFound` is said of references. */
function reasonsOf(kind: KindName): Set<string> {
  const folders = globSync('operator/controllers/*/', { cwd: ROOT })
  const pluralOf = (folder = '') => `${folder.replaceAll('-', '')}s`.replace(/ys$/, 'ies').replace(/sss$/, 'sses')
  const own = folders.find((folder) => pluralOf(folder.split('/')[2]) === kind.toLowerCase())
  // A Node is reconciled as its ComputeNode.
  if (own === undefined && kind !== 'nodes') throw new Error(`no folder of operator/controllers is named after ${kind}`)
  const files = new Set(globSync(`${own ?? 'none'}/**/*.ts`, { cwd: ROOT }).filter((file) => !file.includes('test')))
  const reasons = new Set<string>()
  const references = Object.values<Reference<never>>(KINDS[kind].references ?? {})
  const targets = references.filter(({ to }) => to !== 'computeNodes').map(({ to }) => resourceKindOf(to).kind)
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    for (const reason of reasonsIn(text)) {
      const all = reason.startsWith('<kind>') ? targets.map((to) => reason.replace('<kind>', to)) : [reason]
      for (const one of all) reasons.add(one)
    }
    for (const [, path = ''] of text.matchAll(/^import (?!type)[^']*from '(\.[^']+)'/gm)) {
      const to = join(dirname(file), path)
      if (/^operator\/(placed|kind|ipam|controllers\/common)\//.test(to)) files.add(to)
    }
  }
  return reasons
}

test('each reason of the operator that does not stall is in the table, or here with why not', () => {
  const files = globSync('operator/**/*.ts', { cwd: ROOT }).filter((f) => !/test|testing/.test(f))
  const said = new Set(files.flatMap((file) => [...reasonsIn(readFileSync(join(ROOT, file), 'utf8'))]))
  const covered = new Set([...ROWS.map(({ reason }) => reason), ...ANYWHERE])
  const open = [...said].filter(
    (reason) => !reason.startsWith('<kind>') && !STALLING.has(reason) && !covered.has(reason),
  )
  expect(open).toEqual([])
  const known = [...explainedReasons(PAGE), ...said]
  expect(Object.keys(ELSEWHERE).filter((reason) => !known.includes(reason))).toEqual([])
  expect(Object.keys(ELSEWHERE).filter((r) => ROWS.some((row) => row.reason === r))).toEqual([])
})

function titleOf(row: WaitRow): string {
  return `${kindOf(row)} wait: ${row.reason}${row.by === undefined ? '' : ` (${row.by})`}`
}

function kindOf({ where }: WaitRow): KindName {
  return typeof where === 'function' ? 'ports' : where[0]
}
