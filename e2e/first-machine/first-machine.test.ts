// SPDX-License-Identifier: Apache-2.0
// examples/first-machine from `kubectl apply` to `kubectl delete`: what `npm run cloud` shows, asserted.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  FLOATING_IP,
  INSTANCE,
  IP_CLAIM,
  KEY_PAIR,
  NAMESPACE,
  NETWORK,
  PORT,
  SUBNET,
  VOLUME,
  IMAGE,
  ROUTER,
  SECURITY_GROUP,
} from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, KeyPair, Router, Volume } from '../../lib/api/types.ts'
import { renderExample } from '../../local/commands/example.ts'
import { openTestCloud, type TestCloud } from '../harness/cloud.ts'
import { consoleText } from '../harness/console.ts'
import { addressOf, GuestDoor } from '../harness/guest-door.ts'
import { leftovers, logicalLeftovers } from '../harness/leftovers.ts'
import { agentMetrics, operatorMetrics } from '../harness/metrics.ts'
import { lastBoot, parseMarks, type Mark } from '../harness/marks.ts'
import { outsideGateway, startEcho } from '../harness/outside.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NAME = 'first-machine'

let on: TestCloud
let folder: string
let door: GuestDoor | undefined
const at = (name: string) => ({ namespace: NAME, name })
const machines: Record<'first' | 'second', Instance> = {} as never

beforeAll(async () => {
  on = openTestCloud()
  folder = await renderExample({ cloud: on.cloud, sha256: on.guestImage.sha256 }, NAME)
  await on.cloud.kubectl(['apply', '-f', folder])
}, 60_000)
afterAll(async () => {
  await door?.close()
  await on.cloud.kubectl(['delete', '--ignore-not-found', '-f', folder], { timeoutMs: 120_000 })
}, 150_000)

async function waitForLogin(instance: Instance): Promise<Mark[]> {
  return waitUntilTrue(
    `login of ${instance.metadata.name}`,
    () => {
      const marks = lastBoot(parseMarks(consoleText(on.cloud, instance)))
      return marks.some((m) => m.what === 'login') ? marks : undefined
    },
    120_000,
  )
}
const find = (marks: Mark[], what: string) => marks.find((m) => m.what === what)?.rest ?? ''

test('both machines are ACTIVE, booted, on different nodes, with addresses by DHCP', async () => {
  for (const name of ['first', 'second'] as const) {
    machines[name] = await waitForReady<Instance>(on.client, INSTANCE, at(name), 180_000)
    expect(machines[name].status).toMatchObject({ state: 'ACTIVE' })
    const marks = await waitForLogin(machines[name])
    expect(find(marks, 'net')).toBe(`${addressOf(machines[name])}/24 mtu 1442`)
  }
  expect(machines.first.status?.node).not.toBe(machines.second.status?.node)
}, 240_000)

test('key, name and user data came from the metadata service', async () => {
  const { spec } = await on.client.get<KeyPair>(KEY_PAIR, at('me'))
  for (const [name, instance] of Object.entries(machines)) {
    const marks = await waitForLogin(instance)
    const [source, ...json] = find(marks, 'meta').split(' ')
    expect(source).toBe('http') // no config drive
    const meta = JSON.parse(json.join(' ')) as Record<string, unknown>
    expect(meta).toMatchObject({ uuid: instance.metadata.uid, hostname: name, public_keys: { me: spec.publicKey } })
    expect(consoleText(on.cloud, instance)).toContain(`MARK user-data of ${name}`)
  }
}, 60_000)

test('ssh by the key; ping and http through the tunnel', async () => {
  door = await GuestDoor.open({ test: on, namespace: NAME }, 'private')
  for (const [from, to] of [
    ['first', 'second'],
    ['second', 'first'],
  ] as const) {
    expect(await door.ssh(machines[from], 'hostname')).toBe(from)
    const address = addressOf(machines[to])
    // The first packet to a new neighbour may be lost while it is asked for its MAC.
    await door.ssh(machines[from], `ping -c 1 -W 2 ${address} || true`)
    expect(await door.ssh(machines[from], `ping -c 3 -W 2 ${address} | grep -c 'bytes from'`)).toBe('3')
    expect(await door.ssh(machines[from], `wget -q -T 5 -O - http://${address}/`)).toBe(to)
  }
  // Full frames: the guest's MTU leaves room for the tunnel's own header.
  const far = addressOf(machines.second)
  expect(await door.ssh(machines.first, `ping -c 1 -W 2 -s ${1442 - 28} ${far} | grep -c 'bytes from'`)).toBe('1')
}, 120_000)

test('from outside it is reached by its floating IP, and the second machine reaches the outside under the Router’s address', async () => {
  const { status } = await waitForReady<FloatingIP>(on.client, FLOATING_IP, at('first'))
  const outside = outsideGateway(on)
  const body = () => outside.fetch(status?.ipAddress ?? '')
  expect(await waitUntilTrue('the first machine from outside', async () => (await body()) || undefined)).toBe('first')
  await using echo = await startEcho(on)
  const seen = () => door?.ssh(machines.second, `wget -q -T 5 -O - ${echo.url}`)
  const router = await on.client.get<Router>(ROUTER, at('main'))
  expect(await seen()).toBe(router.status?.externalGateway?.fixedIPs?.[0]?.ipAddress)
}, 90_000)

test('the volume is a disk of the first machine and keeps its data over a stop and start', async () => {
  const volume = await waitForReady<Volume>(on.client, VOLUME, at('data'))
  expect(volume.status).toMatchObject({ state: 'in-use', attachedTo: { name: 'first' } })
  expect(find(await waitForLogin(machines.first), 'disk')).toBe('/dev/vdb found []')
  const bootOf = (marks: Mark[]) => find(marks, 'boot')
  const before = bootOf(await waitForLogin(machines.first))

  const power = async (runState: string, state: string) => {
    await on.client.mergePatch(INSTANCE, at('first'), { spec: { runState } })
    const accept = (i: Instance | undefined) =>
      i?.status?.state === state && i.status.observedGeneration === i.metadata.generation
    await waitForObject<Instance>(on.client, INSTANCE, at('first'), accept, { what: state, timeoutMs: 120_000 })
  }
  await power('Stopped', 'SHUTOFF')
  await power('Running', 'ACTIVE')
  const marks = await waitUntilTrue(
    'another boot',
    async () => {
      const now = await waitForLogin(machines.first)
      return bootOf(now) === before ? undefined : now
    },
    120_000,
  )
  expect(find(marks, 'disk')).toBe('/dev/vdb found [disk-first]')
  expect(find(marks, 'net')).toContain(addressOf(machines.first))
  expect(await door?.ssh(machines.second, `wget -q -T 5 -O - http://${addressOf(machines.first)}/`)).toBe('first')
}, 240_000)

test('operator and agents have counted it', async () => {
  const operator = await operatorMetrics(on)
  const builds = operator.get('nephele_instance_build_seconds_count{stage="Active"}') ?? 0
  expect(builds).toBeGreaterThanOrEqual(2)
  for (const stage of ['Admitted', 'Scheduled', 'ImageCached', 'NetworkAttached', 'Booted'])
    expect([stage, operator.get(`nephele_instance_build_seconds_count{stage="${stage}"}`)]).toEqual([stage, builds])
  const seconds = operator.get('nephele_instance_build_seconds_sum{stage="Active"}') ?? 0
  expect(seconds / builds).toBeGreaterThan(0)
  for (const series of [
    'nephele_leading',
    'nephele_bus_connected{connection="operator"}',
    'nephele_ovn_connected{database="northbound"}',
    'nephele_ovn_connected{database="southbound"}',
  ])
    expect([series, operator.get(series)]).toEqual([series, 1])
  expect(operator.get('nephele_objects{resource="instances",state="ACTIVE"}')).toBeGreaterThanOrEqual(2)
  expect(operator.get('nephele_watch_age_seconds{resource="instances"}')).toBeLessThan(60)
  const ends = [...operator].filter(([series]) => series.startsWith('nephele_certificate_expiration_timestamp_seconds'))
  expect(ends.map(([series]) => /"(.+)"/.exec(series)?.[1]).sort()).toEqual(['bus-ca', 'ca', 'nbd-ca', 'nephele-nats-tls', 'northbound', 'southbound']) // prettier-ignore
  for (const [, end] of ends) expect(end).toBeGreaterThan(Date.now() / 1000)

  const agent = await agentMetrics(on, machines.first.status?.node ?? '')
  expect(agent.get('nephele_agent_objects{kind="instance",state="running"}')).toBeGreaterThanOrEqual(1)
  expect(agent.get('nephele_agent_objects{kind="port",state="active"}')).toBeGreaterThanOrEqual(1)
  expect(agent.get('nephele_agent_power_changes_total{action="on",result="ok"}')).toBeGreaterThanOrEqual(1)
  for (const [driver, call] of [
    ['libvirt', 'ensure'],
    ['ovs', 'plug'],
    ['image-cache', 'ensure'],
  ])
    expect([...agent.keys()]).toContain(
      `nephele_agent_driver_calls_total{driver="${driver}",call="${call}",result="ok"}`,
    )
  expect(agent.get('nephele_agent_switch_connected')).toBe(1)
  expect(agent.get('nephele_certificate_expiration_timestamp_seconds{certificate="identity"}')).toBeGreaterThan(Date.now() / 1000) // prettier-ignore
  // Whose it is is nowhere; pools are the administrators'.
  const named = [...operator.keys(), ...agent.keys()].filter((series) => series.includes(NAME))
  expect(named.filter((series) => !series.includes(`pool="${NAME}-files"`))).toEqual([])
}, 60_000)

test('kubectl delete -f removes all of it and leaves nothing on any node', async () => {
  await door?.close()
  door = undefined
  const uids: string[] = []
  const kinds = [INSTANCE, IMAGE, NETWORK, SUBNET, PORT, VOLUME, KEY_PAIR, SECURITY_GROUP]
  for (const kind of kinds) {
    for (const { metadata } of await on.client.list(kind, { namespace: NAME })) uids.push(metadata.uid)
  }
  expect(uids.length).toBeGreaterThanOrEqual(8)
  await on.cloud.kubectl(['delete', '-f', folder], { timeoutMs: 120_000 })
  await waitForGone(on.client, NAMESPACE, { name: NAME })
  expect(await on.client.list(IP_CLAIM, { namespace: NAME })).toEqual([])
  const nodes = [...on.computeNodes, on.networkNode]
  const left = await Promise.all([
    ...nodes.map((name) => leftovers(on.cloud.node(name), uids)),
    logicalLeftovers(on.cloud.node(on.networkNode), uids),
  ])
  expect(left.flat()).toEqual([])
}, 180_000)
