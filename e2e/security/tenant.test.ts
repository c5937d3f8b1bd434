// SPDX-License-Identifier: Apache-2.0
// What a tenant with the role nephele-edit, and nothing else, can write: it reaches no one else, and stops nothing.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { CLOUD, CLOUD_NAME, FLOATING_IP, INSTANCE, NETWORK, PORT, ROUTER, SECRET, SUBNET } from '../../lib/api/kinds.ts'
import type { Cloud, FloatingIP, Network, Port, Router, Secret } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const TENANT = 'mallory'
let attacker: Project
let victim: Project
beforeAll(async () => {
  ;[attacker, victim] = await Promise.all([
    Project.create('attacker', { net: '10.91.0.0/24' }),
    Project.create('victim', { withImage: false, net: '10.92.0.0/24' }),
  ])
  const role = ['rolebinding', TENANT, '--clusterrole=nephele-edit', `--user=${TENANT}`]
  await kubectl(['create', ...role, '-n', attacker.namespace])
}, 120_000)
afterAll(() => Promise.all([attacker.destroy(), victim.destroy()]), 120_000)

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const { kubeconfigPath } = attacker.test.cloud
  const argv: [string, ...string[]] = [await programPath('kubectl'), '--kubeconfig', kubeconfigPath, ...args]
  return (await exec(argv, { timeoutMs: 30_000, ...(input === undefined ? {} : { input }) })).stdout
}
const asTenant = (args: readonly string[], object?: object) =>
  kubectl([...args, '-n', attacker.namespace, '--as', TENANT], object && stringify(object))

test('an Instance as the controller of a Port is refused, and the cloud works on', async () => {
  await attacker.create(PORT, draft.port(attacker.at('p'), 'net'))
  await waitForReady<Port>(attacker.test.client, PORT, attacker.at('p'))
  const machine = await attacker.createInstance('vm', { runState: 'Stopped', networks: [{ portRef: { name: 'p' } }] })
  const { name, uid } = machine.metadata
  const owner = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', name, uid, controller: true }
  const patch = JSON.stringify({ metadata: { ownerReferences: [owner] } })
  await expect(asTenant(['patch', 'nport', 'p', '--type=merge', '-p', patch])).rejects.toThrow(
    /only the operator makes an Instance the controller of a Port/,
  )
  const bare = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Port', spec: { networkRef: { name: 'net' } } }
  const owned = { ...bare, metadata: { name: 'q', ownerReferences: [owner] } }
  await expect(asTenant(['create', '-f', '-'], owned)).rejects.toThrow(/only the operator makes/)

  await victim.create(PORT, draft.port(victim.at('after'), 'net'))
  await waitForReady<Port>(victim.test.client, PORT, victim.at('after'))
  const cloud = await victim.test.client.get<Cloud>(CLOUD, { name: CLOUD_NAME })
  expect(findCondition(cloud.status?.conditions, 'ControlPlaneRegressed')?.status).toBe('False')
}, 90_000)

test('a Secret that the tenant may not read becomes no user data, and neither does one that is none', async () => {
  const { client } = attacker.test
  const data = { userData: Buffer.from('#!/bin/sh\n').toString('base64') }
  await client.create<Secret>(SECRET, { metadata: attacker.at('token'), data })
  const spec = { flavorRef: { name: 'any' }, imageRef: { name: 'guest' }, userDataSecretRef: { name: 'token' } }
  const machine = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', metadata: { name: 'thief' }, spec }
  await expect(asTenant(['create', '-f', '-'], machine)).rejects.toThrow(
    /names Secret token, which mallory may not get/,
  )
  // As someone who may, in a namespace that lets the operator read none, and then marked ones.
  await attacker.createInstance('early', { runState: 'Stopped', userDataSecretRef: { name: 'token' } })
  await waitForCondition(client, INSTANCE, attacker.at('early'), { type: 'Reconciling', reason: 'SecretNotPermitted' })
  await attacker.allowUserData()
  await attacker.createInstance('thief', { runState: 'Stopped', userDataSecretRef: { name: 'token' } })
  await waitForCondition(client, INSTANCE, attacker.at('thief'), { type: 'Reconciling', reason: 'SecretNotUserData' })
}, 60_000)

test('an address of its choice on a Network that is shared with it is refused, one that it is given is not', async () => {
  await victim.patch(NETWORK, 'net', { spec: { sharedWith: [{ namespace: attacker.namespace }] } })
  const networkRef = { name: 'net', namespace: victim.namespace }
  const bare = (name: string, ...fixedIPs: object[]) => ({
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'Port',
    metadata: { name },
    spec: { networkRef, ...(fixedIPs.length === 0 ? {} : { fixedIPs }) },
  })
  await asTenant(['create', '-f', '-'], bare('guest'))
  const { status } = await waitForReady<Port>(attacker.test.client, PORT, attacker.at('guest'))
  const [given] = status?.fixedIPs ?? []
  const subnetRef = { name: given?.subnet }
  await asTenant(['create', '-f', '-'], bare('router', { subnetRef, ipAddress: '10.92.0.1' }))
  const refused = { type: 'Stalled', reason: 'NotNetworkOwner' }
  const message = await waitForCondition(attacker.test.client, PORT, attacker.at('router'), refused)
  expect(message).toContain('spec.fixedIPs[0].ipAddress')
  for (const name of ['guest', 'router']) await asTenant(['delete', 'nport', name])
}, 60_000)

test('the outside of others: no gateway on it, no address of theirs, none of its own, and no sender but itself', async () => {
  const { client } = attacker.test
  const refusal = (kind: typeof PORT, name: string, type: string, reason: string) =>
    waitForCondition(client, kind, attacker.at(name), { type, status: 'True', reason })
  const manifest = (kind: string, name: string, spec: object) => ({
    ...{ apiVersion: 'nephele.dev/v1alpha1', kind, metadata: { name }, spec },
  })
  const make = (...object: Parameters<typeof manifest>) => asTenant(['create', '-f', '-'], manifest(...object))
  await victim.create(NETWORK, draft.network(victim.at('outside'), { external: true }))
  await victim.create(SUBNET, draft.subnet(victim.at('outside'), 'outside', '10.93.0.0/24'))
  await waitForReady(client, SUBNET, victim.at('outside'))
  const outside = { networkRef: { namespace: victim.namespace, name: 'outside' } }
  await make('Router', 'out', { externalGateway: outside })
  await refusal(ROUTER, 'out', 'Reconciling', 'NetworkNotFound')
  const { status: out } = await client.get<Router>(ROUTER, attacker.at('out'))
  expect([out?.gateways, out?.externalGateway]).toEqual([undefined, undefined])
  await expect(make('Network', 'own', { external: true })).rejects.toThrow(/who may create providernetworks/)

  await victim.create(FLOATING_IP, draft.floatingIP(victim.at('theirs'), PUBLIC))
  const { status: theirs } = await waitForReady<FloatingIP>(client, FLOATING_IP, victim.at('theirs'))
  const ipAddress = theirs?.ipAddress ?? ''
  await make('FloatingIP', 'same', { ...PUBLIC, ipAddress })
  const taken = await refusal(FLOATING_IP, 'same', 'Reconciling', 'AddressInUse')
  expect(taken).toContain(ipAddress)
  expect(taken).not.toContain(victim.namespace)

  await victim.patch(NETWORK, 'net', { spec: { sharedWith: [{ namespace: attacker.namespace }] } })
  const networkRef = { name: 'net', namespace: victim.namespace }
  await make('Port', 'liar', { networkRef, allowedAddressPairs: [{ ipAddress: '10.92.0.0/24' }] })
  await refusal(PORT, 'liar', 'Stalled', 'NotPermitted')
  await expect(
    make('SecurityGroup', 'words', {
      rules: [{ direction: 'ingress', remoteIPPrefix: '10.0.0.0/8 || ip4.src == 0.0.0.0/0' }],
    }),
  ).rejects.toThrow(/remoteIPPrefix/)
  await asTenant(['delete', 'nrtr/out', 'nfip/same', 'nport/liar'])
}, 90_000)

test('a PUT of a bare manifest passes, the finalizer is back at once, and what is in use does not go in between', async () => {
  const { client } = attacker.test
  const bare = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Network', metadata: { name: 'net' }, spec: { mtu: 1400 } }
  const finalizers = async () => (await client.get<Network>(NETWORK, attacker.at('net'))).metadata.finalizers
  await asTenant(['replace', '-f', '-'], bare)
  await waitUntilTrue(
    'the finalizer to be back',
    async () => (await finalizers())?.includes('nephele.dev/release') || undefined,
  )
  const { status } = await waitForReady<Network>(client, NETWORK, attacker.at('net'))
  expect(status?.mtu).toBe(1400)
  // Replaced and deleted as fast as can be: refused, or held by what uses it; never gone.
  for (let times = 5; times > 0; times--) {
    await asTenant(['replace', '-f', '-'], { ...bare, spec: { mtu: 1400 - times } }).catch(() => undefined)
    await asTenant(['delete', 'nnet', 'net', '--wait=false']).catch(() => undefined)
  }
  await waitUntilTrue('the deletion to be taken', () =>
    asTenant(['delete', 'nnet', 'net', '--wait=false']).then(
      () => true,
      () => undefined,
    ),
  )
  const message = await waitForCondition(client, NETWORK, attacker.at('net'), { type: 'Reconciling', reason: 'InUse' })
  expect(message).toContain(`${attacker.namespace}/p`)
}, 90_000)
