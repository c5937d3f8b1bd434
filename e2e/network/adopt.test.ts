// SPDX-License-Identifier: Apache-2.0
// OVN's rows and an operator that remembers nothing: what is there is taken as it is; what another hand took away or doubled is put
// right, and the guest is reached again.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CLOUD, NETWORK, PORT, ROUTER, SECURITY_GROUP, SUBNET } from '../../lib/api/kinds.ts'
import type { Cloud, Instance, Port } from '../../lib/api/types.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'
import { readString } from '../../lib/ovsdb/values.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { askDhcp } from '../harness/lease.ts'
import { nbctl, rowOf, rowsOf, uuidOfRow, type NorthboundTable } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

type Kind = 'Network' | 'Subnet' | 'Port' | 'SecurityGroup' | 'Router'
const KINDS: readonly Kind[] = ['Network', 'Subnet', 'Port', 'SecurityGroup', 'Router']
const TABLES: Record<Kind, NorthboundTable> = {
  Network: 'Logical_Switch',
  Subnet: 'DHCP_Options',
  Port: 'Logical_Switch_Port',
  SecurityGroup: 'Port_Group',
  Router: 'Logical_Router',
}

let project: Project
let box: Instance
let door: GuestDoor
let uids: Record<Kind, string>
beforeAll(async () => {
  project = await Project.create('net-adopt', { net: '10.35.0.0/24' })
  ;({ box, door } = await project.bootGuests({ box: {} }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces: [{ subnetRef: { name: 'net' } }] }))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  const uidOf = async (kind: ResourceKind, name: string) =>
    (await project.test.client.get(kind, project.at(name))).metadata.uid
  uids = {
    Network: await uidOf(NETWORK, 'net'),
    Subnet: await uidOf(SUBNET, 'net'),
    Port: await uidOf(PORT, box.status?.addresses?.[0]?.port ?? ''),
    SecurityGroup: await uidOf(SECURITY_GROUP, 'default'),
    Router: await uidOf(ROUTER, 'r'),
  }
  await project.waitForMark('box', 'login')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const rowUuid = async (kind: Kind) => uuidOfRow(await rowOf(project.test, TABLES[kind], uids[kind]))
const rowUuids = () => Promise.all(KINDS.map(rowUuid))
const answers = () =>
  waitUntilTrue('the guest to answer', async () => (await door.pings(addressOf(box), 1)) || undefined)

/** Whatever was disturbed before, an operator that goes on makes this Port. */
async function waitForNewPort(name: string): Promise<void> {
  await project.create(PORT, draft.port(project.at(name), 'net'))
  await waitForReady<Port>(project.test.client, PORT, project.at(name))
}

test('an operator that starts with no memory finds its rows, makes none of them twice and changes none', async () => {
  const { client, cloud } = project.test
  const [before, { status }] = [await rowUuids(), await client.get<Cloud>(CLOUD, { name: 'default' })]
  await cloud.restartProcess('operator')
  const leads = (c: Cloud | undefined) => (c?.status?.term ?? 0) > (status?.term ?? 0)
  await waitForObject<Cloud>(client, CLOUD, { name: 'default' }, leads, { what: 'another term' })
  await waitForNewPort('after-restart')
  expect(await rowUuids()).toEqual(before)
  expect(await door.pings(addressOf(box))).toBe(true)
}, 120_000)

const DELETIONS: Record<Kind, (row: string, name: string) => string[]> = {
  Network: (row) => ['ls-del', row],
  Subnet: (row) => ['destroy', 'DHCP_Options', row],
  Port: (_, name) => ['lsp-del', name],
  SecurityGroup: (row) => ['destroy', 'Port_Group', row],
  Router: (row) => ['lr-del', row],
}

test.each(KINDS)(
  'the row of a %s that another hand deleted comes back',
  async (kind) => {
    const row = await rowOf(project.test, TABLES[kind], uids[kind])
    await nbctl(project.test, ...DELETIONS[kind](uuidOfRow(row), readString(row['name']) ?? ''))
    await waitUntilTrue('the row again', async () => {
      const [now] = await rowsOf(project.test, TABLES[kind], uids[kind])
      return (now !== undefined && uuidOfRow(now) !== uuidOfRow(row)) || undefined
    })
    // A switch takes its ports along, options and groups lose their references: all of it is as it was.
    for (const other of KINDS) await waitUntilTrue(`one row of ${other}`, () => rowUuid(other))
    await answers()
    await waitUntilTrue('its lease', async () => (await askDhcp(door, box))['ip'] === addressOf(box) || undefined)
  },
  90_000,
)

test('a second switch under the mark of the first is taken away', async () => {
  const { Network: uid } = uids
  const marks = ['nephele_kind=Network', `nephele_uid=${uid}`].map((mark) => `external_ids:${mark}`)
  await nbctl(project.test, 'create', 'Logical_Switch', `name=${uid}`, ...marks)
  await waitUntilTrue('one switch', () => rowUuid('Network'))
  await answers()
  await waitForNewPort('after-copy')
}, 90_000)
