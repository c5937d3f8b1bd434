// SPDX-License-Identifier: Apache-2.0
// What stops a connection between guests of two networks, and from and to the outside: each thing once, as the network says and as packets show,
// then mended.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  FIREWALL_GROUP,
  FIREWALL_POLICY,
  FLOATING_IP,
  INSTANCE,
  REACHABILITY,
  ROUTER,
  SECURITY_GROUP,
} from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, Reachability, SecurityGroup } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let near: Instance
let far: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('reach', { net: '10.85.0.0/24' })
  await project.createNetwork('far', '10.86.0.0/24')
  const ssh = { direction: 'ingress', protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 }
  await project.create(
    SECURITY_GROUP,
    draft.securityGroup(project.at('guests'), { rules: [ssh, { direction: 'egress' }] }),
  )
  const securityGroupRefs = [{ name: 'guests' }]
  ;({ near, far, door } = await project.bootGuests({
    near: { availabilityZone: 'zone-a', securityGroupRefs },
    far: { availabilityZone: 'zone-b', networks: [{ networkRef: { name: 'far' } }], securityGroupRefs },
  }))
  await Promise.all(['near', 'far'].map((name) => project.waitForMark(name, 'login')))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const nearToFar = { source: { instanceRef: { name: 'near' } }, destination: { instanceRef: { name: 'far' } } }
const http = { protocol: 'tcp', port: 80 }
let number = 0

async function ask(spec: object): Promise<NonNullable<Reachability['status']>> {
  const at = project.at(`why-${++number}`)
  await project.create(REACHABILITY, draft.reachability(at, spec))
  return (await waitForReady<Reachability>(project.test.client, REACHABILITY, at)).status ?? {}
}
/** What the status names, in short: `request NoRouter Subnet net`. */
const why = async (spec: object) => {
  const { reachable, stoppedBy } = await ask(spec)
  if (reachable === true) return 'reachable'
  return [stoppedBy?.direction, stoppedBy?.reason, stoppedBy?.kind, stoppedBy?.name].join(' ')
}
const fetches = async () =>
  (await door.ssh(near, `wget -q -T 2 -O - http://${addressOf(far)}/ || true`)).trim() === 'far'
const agrees = (isReached: boolean) =>
  waitUntilTrue(
    `http ${isReached ? 'to pass' : 'to be stopped'}`,
    async () => (await fetches()) === isReached || undefined,
  )

test('between two networks: no router, no rule of a group, the wrong port, a firewall', async () => {
  expect(await why({ ...nearToFar, ...http })).toBe('request NoRouter Subnet net')
  await agrees(false)

  const interfaces = ['net', 'far'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  const { stoppedBy } = await ask({ ...nearToFar, ...http })
  expect(stoppedBy).toMatchObject({ direction: 'request', reason: 'SecurityGroupRuleMissing', name: 'guests' })
  expect(stoppedBy?.message).toContain('{direction: ingress, protocol: tcp, portRangeMin: 80, portRangeMax: 80}')
  await agrees(false)

  const { spec } = await project.test.client.get<SecurityGroup>(SECURITY_GROUP, project.at('guests'))
  const rule = { direction: 'ingress', protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 }
  await project.patch(SECURITY_GROUP, 'guests', { spec: { rules: [...(spec.rules ?? []), rule] } })
  // Asked at once: it waits until the group's change is in effect.
  const open = await ask({ ...nearToFar, ...http })
  expect(open).toMatchObject({ state: 'Succeeded', reachable: true, destinationAddress: addressOf(far) })
  expect(open.requestPath?.map(({ action, kind }) => `${action} ${kind}`)).toEqual([
    ...['Sent Port', 'Allowed SecurityGroup', 'Routed Router', 'Allowed SecurityGroup', 'Delivered Port'],
  ])
  expect(open.answerPath?.map(({ action, kind }) => `${action} ${kind}`)).toEqual([
    ...['Sent Port', 'Routed Router', 'Delivered Port'],
  ])
  await agrees(true)
  expect(await why({ ...nearToFar, protocol: 'tcp', port: 81 })).toBe(
    'request SecurityGroupRuleMissing SecurityGroup guests',
  )

  const rules = [
    { action: 'allow', protocol: 'udp' },
    { action: 'deny', protocol: 'tcp', destinationPorts: { minimum: 80 } },
    { action: 'allow' },
  ]
  await project.create(FIREWALL_POLICY, draft.firewallPolicy(project.at('edge'), { rules }))
  const firewall = {
    ports: [{ routerRef: { name: 'r' }, subnetRef: { name: 'far' } }],
    ingress: { policyRefs: [{ name: 'edge' }] },
  }
  await project.create(FIREWALL_GROUP, draft.firewallGroup(project.at('edge'), firewall))
  await waitForReady(project.test.client, FIREWALL_GROUP, project.at('edge'))
  const denied = await ask({ ...nearToFar, ...http })
  expect(denied.stoppedBy).toMatchObject({ reason: 'FirewallRuleDenies', kind: 'FirewallPolicy', name: 'edge' })
  expect(denied.stoppedBy?.message).toContain('spec.rules[1]')
  await agrees(false)
  await project.remove(FIREWALL_GROUP, 'edge')
  expect(await why({ ...nearToFar, ...http })).toBe('reachable')
  await agrees(true)
}, 120_000)

test('a real packet beside it: a port where somebody listens, one where nobody does, and a guest that is silent', async () => {
  const { spec } = await project.test.client.get<SecurityGroup>(SECURITY_GROUP, project.at('guests'))
  const more = [{ direction: 'ingress', protocol: 'tcp', portRangeMin: 8080, portRangeMax: 8080 }]
  const rules = [...(spec.rules ?? []), ...more, { direction: 'ingress', protocol: 'icmp' }]
  await project.patch(SECURITY_GROUP, 'guests', { spec: { rules } })
  const probed = async (question: object) => {
    const { reachable, probe } = await ask({ ...question, verify: true })
    expect(reachable).toBe(true)
    return probe
  }
  const { status } = await project.test.client.get<Instance>(INSTANCE, project.at('near'))
  const answered = await probed({ ...nearToFar, ...http })
  expect(answered).toMatchObject({ result: 'Answered', node: status?.node, answeredBy: addressOf(far) })
  expect(answered?.roundTripMicroseconds).toBeGreaterThan(0)
  const refused = await probed({ ...nearToFar, protocol: 'tcp', port: 8080 })
  expect(refused).toMatchObject({ result: 'Refused', answeredBy: addressOf(far) })
  expect(refused?.message).toContain('nothing listens at tcp port 8080')

  const farToNear = { source: { instanceRef: { name: 'far' } }, destination: { instanceRef: { name: 'near' } } }
  expect(await probed(farToNear)).toMatchObject({ result: 'Answered' })
  await door.ssh(near, 'echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all')
  const silent = await probed(farToNear)
  expect(silent).toMatchObject({ result: 'Silent' })
  expect(silent?.message).toContain('although the network lets it pass')
  await door.ssh(near, 'echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_all')
  // What the network stops comes to nobody, and nobody answers.
  const stopped = await ask({ ...nearToFar, protocol: 'tcp', port: 81, verify: true })
  expect(stopped).toMatchObject({ reachable: false, probe: { result: 'Silent' } })
  expect(stopped.probe?.message).toContain('as was to be expected')
  // The nodes let go of it by themselves.
  await waitUntilTrue('all probes to be forgotten', async () => {
    const items = await project.test.client.list<Reachability>(REACHABILITY, { namespace: project.namespace })
    return items.every(({ status }) => status?.node === undefined) || undefined
  })
}, 90_000)

test('from and to the outside: no route, no floating IP; then a machine that is off', async () => {
  const outside = outsideGateway(project.test)
  const away = { source: { instanceRef: { name: 'near' } }, destination: { ipAddress: outside.address } }
  const into = { source: PUBLIC, destination: { instanceRef: { name: 'far' } }, ...http }
  expect(await why(away)).toBe('request NoRoute Router r')
  await project.patch(ROUTER, 'r', { spec: { externalGateway: PUBLIC } })
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  expect(await why(away)).toBe('reachable')
  await waitUntilTrue(
    'a ping to the outside',
    async () =>
      (await door.ssh(near, `ping -c 1 -W 1 ${outside.address} >/dev/null 2>&1 && echo yes || true`)).trim() ===
        'yes' || undefined,
  )
  const { status } = await project.test.client.get<Instance>(INSTANCE, project.at('far'))
  expect(await why(into)).toMatch(/^request NoFloatingIP Port /)
  await project.create(FLOATING_IP, draft.floatingIP(project.at('f'), { ...PUBLIC, instanceRef: { name: 'far' } }))
  const { status: given } = await waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('f'))
  const reached = await ask(into)
  expect(reached).toMatchObject({ reachable: true, destinationAddress: given?.ipAddress })
  expect(reached.requestPath).toContainEqual({
    ...{ kind: 'FloatingIP', namespace: project.namespace, name: 'f', action: 'Translated' },
    detail: `destination ${status?.addresses?.[0]?.ipAddress}`,
  })
  await waitUntilTrue(
    'http from outside',
    async () => (await outside.fetch(given?.ipAddress ?? '')) === 'far' || undefined,
  )

  // As from the gateway of the physical network, which hears nothing of it.
  expect(await ask({ ...into, verify: true })).toMatchObject({
    ...{ reachable: true, probe: { result: 'Answered', answeredBy: given?.ipAddress } },
  })
  expect(await ask({ ...into, port: 8080, verify: true })).toMatchObject({
    reachable: true,
    probe: { result: 'Refused' },
  })
  expect(await ask({ ...away, verify: true })).toMatchObject({ reachable: true, probe: { result: 'Answered' } })
  await project.patch(INSTANCE, 'far', { spec: { runState: 'Stopped' } })
  const isOff = (one: Instance | undefined) => one?.status?.state === 'SHUTOFF'
  await waitForObject<Instance>(project.test.client, INSTANCE, project.at('far'), isOff, {
    what: 'SHUTOFF',
    timeoutMs: 60_000,
  })
  expect(await why(into)).toBe('request InstanceNotRunning Instance far')
  expect(await outside.fetch(given?.ipAddress ?? '')).toBeUndefined()
}, 120_000)

test('a question is refused names of others, goes after its time, and what cannot be asked says why', async () => {
  const { client } = project.test
  const gone = project.at('short')
  await project.create(REACHABILITY, draft.reachability(gone, { ...nearToFar, ttlSecondsAfterFinished: 1 }))
  await waitForGone(client, REACHABILITY, gone, 20_000)
  const stranger = {
    source: { networkRef: { namespace: 'kube-system', name: 'x' } },
    destination: { ipAddress: '203.0.113.1' },
  }
  await project.create(REACHABILITY, draft.reachability(project.at('stranger'), stranger))
  const says = (one: Reachability | undefined) =>
    one?.status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'NetworkNotFound')
  await waitForObject<Reachability>(client, REACHABILITY, project.at('stranger'), (one) => says(one) === true, {
    what: 'NetworkNotFound',
    timeoutMs: 20_000,
  })
  const table = await project.test.cloud.kubectl(['get', 'nreach', '-n', project.namespace])
  expect(table).toMatch(/NAME +STATE +REACHABLE +PROBE +STOPPED-BY +NAME +WHY +AGE/)
}, 60_000)
