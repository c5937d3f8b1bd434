// SPDX-License-Identifier: Apache-2.0
// A leader that is stopped in the midst of its work and goes on after another took over (invariant 6).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { jetstream } from '@nats-io/jetstream'
import { CLOUD, CLOUD_NAME, INSTANCE, IP_CLAIM, LEASE, PORT } from '../../lib/api/kinds.ts'
import type { Cloud, Instance, IPClaim, Lease, Port } from '../../lib/api/types.ts'
import { DesiredDocument } from '../../lib/contract/documents.ts'
import {
  DESIRED_BUCKET,
  OBSERVED_BUCKET,
  desiredSubject,
  keyInSubject,
  parseDocumentKey,
} from '../../lib/contract/subjects.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { createLogger } from '../../lib/log.ts'
import { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { parseRemotes } from '../../lib/ovsdb/remote.ts'
import { endProcess, signalProcess, type ProcessId } from '../../local/host/process.ts'
import { operatorEnvironment } from '../../local/cloud/processes.ts'
import { JetStreamBus } from '../../operator/bus/jetstream-bus.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { termGuard } from '../../operator/network/ovn/term.ts'
import { connectAsOperator, recordBus, type BusRecorder } from '../harness/bus-recorder.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { SECOND_IDENTITY, startSecondOperator, type Replica } from '../harness/second-operator.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const PORTS = Array.from({ length: 12 }, (_, i) => `port-${i}`)
const LEASE_REF = { namespace: 'nephele-system', name: 'nephele-operator' }

let project: Project
let first: ProcessId
let second: Replica
let recorder: BusRecorder
/** The machine as the first leader knew it. */
let known: Instance
let oldTerm: number
/** Of the cloud, which another file may have restored. */
let incarnation: number

beforeAll(async () => {
  project = await Project.create('leaders')
  const found = project.test.cloud.findProcess('operator')
  if (!found) throw new Error('the operator of this cloud does not run')
  first = found
  await project.createNetwork('net', '10.90.0.0/24')
  await project.createInstance('vm', { networks: [{ networkRef: { name: 'net' } }] })
  known = await project.waitActive('vm')
  second = await startSecondOperator(project.test)
  recorder = await recordBus(project.test)
}, 180_000)
afterAll(async () => {
  signalProcess(first, 'SIGCONT')
  await endProcess(second.process)
  await recorder.close()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 180_000)

test('the second takes over from a leader that stands still, and its return changes nothing', async () => {
  const { client } = project.test
  const before = await client.get<Lease>(LEASE, LEASE_REF)
  expect(before.spec?.holderIdentity).not.toContain(SECOND_IDENTITY)
  oldTerm = before.spec?.leaseTransitions ?? 0
  incarnation = (await client.get<Cloud>(CLOUD, { name: CLOUD_NAME })).spec.incarnation ?? 1

  await Promise.all(PORTS.map((name) => project.create(PORT, draft.port(project.at(name), 'net'))))
  const begun = (p: Port | undefined) => p?.status !== undefined
  await waitForObject<Port>(client, PORT, project.at(PORTS[0] ?? ''), begun, { what: 'begun' })
  signalProcess(first, 'SIGSTOP')
  await project.createInstance('late')
  await project.patch(INSTANCE, 'vm', { spec: { metadata: { seen: 'by the second' } } })

  const taken = (lease: Lease | undefined) => lease?.spec?.holderIdentity?.startsWith(SECOND_IDENTITY) === true
  const lease = await waitForObject<Lease>(client, LEASE, LEASE_REF, taken, { what: 'the second holds it' })
  expect(lease?.spec?.leaseTransitions).toBe(oldTerm + 1)
  for (const name of PORTS) await waitForReady<Port>(client, PORT, project.at(name))
  await project.waitActive('late')
  await project.waitActive('vm')
  const settled = await versionsOfAll()
  const heard = recorder.messages.length

  // What the stopped one was about to do, it is told of a world in which it leads no more.
  signalProcess(first, 'SIGCONT')
  await waitUntilTrue('the first to find that it leads no more', async () => (await isLeading(firstUrl())) === false)
  expect(await isLeading(second.url)).toBe(true)
  await project.createInstance('after')
  await project.waitActive('after')

  const now = await versionsOfAll()
  for (const [key, version] of settled) expect([key, now.get(key)]).toEqual([key, version])
  const terms = recorder.messages.slice(heard).flatMap((m) => {
    const document =
      keyInSubject(DESIRED_BUCKET, m.subject) === undefined ? undefined : DesiredDocument.safeParse(m.value)
    return document?.success ? [document.data.versions.term] : []
  })
  expect(new Set(terms)).toEqual(new Set([oldTerm + 1]))
  // Addresses: as many claimed as ports have, none twice.
  const ports = await client.list<Port>(PORT, { namespace: project.namespace })
  const addresses = ports.flatMap((p) => p.status?.fixedIPs?.map((f) => f.ipAddress) ?? [])
  expect(addresses).toHaveLength(PORTS.length + 1)
  expect(new Set(addresses).size).toBe(addresses.length)
  const claims = await client.list<IPClaim>(IP_CLAIM, { namespace: project.namespace })
  expect(claims.flatMap((c) => c.spec.claims.map((e) => e.address)).sort()).toEqual(addresses.toSorted())
}, 180_000)

test('status: what was computed from an older state is refused', async () => {
  const operator = new HttpKubeClient(loadKubeConfig(project.test.cloud.layout.operatorKubeconfig))
  try {
    const stale = { ...known, status: { ...known.status, node: 'elsewhere', state: 'ERROR' as const } }
    await expect(operator.updateStatus(INSTANCE, stale)).rejects.toMatchObject({ code: 409 })
    expect((await project.get('vm')).status?.node).toBe(known.status?.node)
  } finally {
    await operator.close()
  }
})

test('documents: the bus refuses a stale writer, and an agent refuses what got through all the same', async () => {
  const { client } = project.test
  const { uid } = known.metadata
  const node = known.status?.node ?? ''
  const boot = (await project.waitForMark('vm', 'boot'))[0]?.rest
  const nc = await connectAsOperator(project.test, 'e2e-stale-leader')
  const log = createLogger('e2e', 'silent')
  const bus = new JetStreamBus({ nc, writer: () => ({ incarnation, term: oldTerm }), log })
  try {
    await bus.ready(AbortSignal.timeout(10_000))
    const current = await bus.desired.read(node, 'instance', uid)
    if (current?.kind !== 'instance' || current.tombstone) throw new Error('the machine has no document')
    expect(current.versions.term).toBe(oldTerm + 1)
    const versions = { ...current.versions, term: oldTerm }
    const stop = { ...current, versions, spec: { ...current.spec, runState: 'Stopped' as const } }
    await expect(bus.desired.publish(stop)).rejects.toMatchObject({ name: 'StaleWriterError' })
    await expect(bus.desired.publish({ ...current, versions, tombstone: true })).rejects.toThrow()

    // Written from what it knew before it was stopped: the server refuses.
    const subject = desiredSubject({ node, kind: 'instance', uid })
    const late = jetstream(nc).publish(subject, JSON.stringify(stop), { expect: { lastSubjectSequence: 1 } })
    await expect(late).rejects.toMatchObject({ code: 10071 })

    // A bus that lost its order lets it through: the agent knows the newer term, says so, and the leader writes its own again.
    await jetstream(nc).publish(subject, JSON.stringify(stop))
    await waitUntilTrue('the agent to refuse it', () => {
      const report = recorder.messages.findLast((m) => {
        const key = keyInSubject(OBSERVED_BUCKET, m.subject)
        return key !== undefined && parseDocumentKey(key)?.uid === uid && m.value?.['refused'] !== undefined
      })
      const refused = report?.value?.['refused'] as { reason?: string } | undefined
      return refused?.reason === 'StaleLeader' ? refused : undefined
    })
    await waitUntilTrue('the leader to write its own again', async () => {
      const healed = await bus.desired.read(node, 'instance', uid)
      return healed?.versions.term === oldTerm + 1 || undefined
    })
  } finally {
    await bus.close()
    await nc.close()
  }
  await waitForReady(client, INSTANCE, project.at('vm'))
  expect((await project.waitForMark('vm', 'boot'))[0]?.rest).toBe(boot)
  const domains = await project.test.cloud.exec(node, ['virsh', 'list', '--uuid'])
  expect(domains.stdout).toContain(uid)
}, 60_000)

test('OVN: the database refuses a transaction of an older term', async () => {
  const { cloud } = project.test
  const environment = operatorEnvironment(cloud.layout, cloud.state.subnet)
  const tls = () => ({
    ca: readFileSync(join(cloud.layout.operatorTls, 'ca.crt'), 'utf8'),
    cert: readFileSync(join(cloud.layout.operatorTls, 'tls.crt'), 'utf8'),
    key: readFileSync(join(cloud.layout.operatorTls, 'tls.key'), 'utf8'),
  })
  const remotes = parseRemotes(environment['NEPHELE_OVN_NB'] ?? '')
  const signal = AbortSignal.timeout(20_000)
  const driver = new OvnNetworkDriver({ remotes, tls })
  const plain = new OvsdbClient({
    remotes,
    tls,
    database: 'OVN_Northbound',
    tables: { NB_Global: { columns: ['external_ids'] } },
  })
  driver.start(signal)
  plain.start(signal)
  try {
    const stale = { incarnation, term: oldTerm }
    await expect(driver.claimTerm(incarnation, oldTerm, signal)).rejects.toMatchObject({ name: 'StaleWriterError' })
    await plain.ready(signal)
    const name = `stale-${project.namespace}`
    const insert = { op: 'insert', table: 'Logical_Switch', row: { name } } as const
    await expect(plain.transact([termGuard(stale), insert], signal)).rejects.toMatchObject({ code: 'timed out' })
    const list = await cloud.exec(project.test.networkNode, ['ovn-nbctl', '--timeout=5', 'ls-list'])
    expect(list.stdout).not.toContain(name)
  } finally {
    await driver.close()
    await plain.close()
  }
}, 60_000)

test('the first leads again when the second ends, under a newer term', async () => {
  const { client } = project.test
  await endProcess(second.process, 20_000)
  const back = (lease: Lease | undefined) => lease?.spec?.leaseTransitions === oldTerm + 2
  const lease = await waitForObject<Lease>(client, LEASE, LEASE_REF, back, { what: 'the first holds it again' })
  expect(lease?.spec?.holderIdentity).not.toContain(SECOND_IDENTITY)
  await project.remove(INSTANCE, 'late')
  await project.createInstance('last')
  await project.waitActive('last')
}, 120_000)

function firstUrl(): string {
  const { cloud } = project.test
  const address = operatorEnvironment(cloud.layout, cloud.state.subnet)['NEPHELE_HTTP_ADDRESS']
  return `http://${address}`
}

async function isLeading(url: string): Promise<boolean | undefined> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()
  const value = /^nephele_leading(?:\{[^}]*\})? (\d)/m.exec(text)?.[1]
  return value === undefined ? undefined : value === '1'
}

/** Of every object of the project that the operator writes. */
async function versionsOfAll(): Promise<Map<string, string | undefined>> {
  const versions = new Map<string, string | undefined>()
  for (const kind of [INSTANCE, PORT, IP_CLAIM]) {
    for (const { metadata } of await project.test.client.list(kind, { namespace: project.namespace })) {
      versions.set(`${kind.kind}/${metadata.name}`, metadata.resourceVersion)
    }
  }
  return versions
}
