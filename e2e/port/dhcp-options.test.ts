// SPDX-License-Identifier: Apache-2.0
// What DHCP tells the guest of one Port beside its Subnet: heard by a real client, changed while the guest runs, and never another option.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

/** Of DHCP, as all of them but one. */
const v4 = (name: string, value: string) => ({ name, ipFamily: 'IPv4', value })
const OPTIONS = [
  v4('ntp-server', '10.64.0.2,10.64.0.3'),
  v4('domain-search', 'a.io,b.in'),
  v4('tftp-server', '10.64.0.2'),
  v4('bootfile-name', 'http://boot.example/menu.ipxe?a=b,c'),
  v4('bootfile-name-alt', '\\boot\\undionly.kpxe'),
  v4('server-ip-address', '10.64.0.9'),
]

let project: Project
let door: GuestDoor
let guest: Instance
beforeAll(async () => {
  project = await Project.create('port-dhcp', { net: '10.64.0.0/24' })
  await project.create(PORT, draft.port(project.at('own'), 'net', { extraDHCPOptions: OPTIONS }))
  await waitForReady(project.test.client, PORT, project.at('own'))
  const guests = await project.bootGuests({ vm: { networks: [{ portRef: { name: 'own' } }] } })
  door = guests.door
  guest = guests.vm
}, 180_000)
afterAll(() => project.destroy(), 120_000)

const WORDS = ['ntpsrv', 'search', 'tftp', 'bootfile', 'wpad', 'dns', 'staticroutes', 'mtu', 'router']
/** What a DHCP client in the guest hears. */
async function hear(more = ''): Promise<Record<string, string>> {
  const script = `printf '#!/bin/sh\\n[ "$1" = bound ] && set\\n' > /tmp/say; chmod +x /tmp/say`
  const asked = WORDS.map((word) => `-O ${word}`).join(' ')
  const said = await door.ssh(
    guest,
    `${script}; udhcpc -i eth0 -n -q -t 10 -T 1 ${asked} ${more} -s /tmp/say 2>/dev/null`,
  )
  const pairs = said.split('\n').flatMap((line) => {
    const [, key, value] = /^([a-z_]+)='(.*)'$/.exec(line) ?? []
    return key === undefined ? [] : [[key, value ?? ''] as const]
  })
  return Object.fromEntries(pairs)
}

test('the guest hears them beside what its Subnet says, and one that boots by iPXE has its own boot file', async () => {
  const heard = await hear()
  expect(heard).toMatchObject({
    ...{ ntpsrv: '10.64.0.2 10.64.0.3', search: 'a.io b.in', tftp: '10.64.0.2', siaddr: '10.64.0.9' },
    ...{ bootfile: '\\boot\\undionly.kpxe', router: '10.64.0.1' },
  })
  expect(heard['staticroutes']).toContain('169.254.169.254/32 0.0.0.0')
  expect((await hear('-x 0xaf:01'))['bootfile']).toBe('http://boot.example/menu.ipxe?a=b,c')
}, 120_000)

test('others while it runs, and none', async () => {
  const patch = (extraDHCPOptions: object[] | null) => project.patch(PORT, 'own', { spec: { extraDHCPOptions } })
  await patch([v4('wpad', 'http://10.64.0.7/wpad.dat'), v4('dns-server', '10.64.0.7')])
  const heard = await waitUntilTrue('the guest hears of it', async () => {
    const now = await hear()
    return now['wpad'] === undefined ? undefined : now
  })
  expect(heard).toMatchObject({ wpad: 'http://10.64.0.7/wpad.dat', dns: '10.64.0.7' })
  expect(heard['ntpsrv']).toBeUndefined()
  await patch(null)
  await waitUntilTrue('it hears of none', async () => (await hear())['wpad'] === undefined || undefined)
}, 120_000)

test('what would be another option is refused, and what nobody would tell is said', async () => {
  const set = (extraDHCPOptions: object[]) => project.patch(PORT, 'own', { spec: { extraDHCPOptions } })
  await expect(set([v4('router', '10.64.0.66')])).rejects.toThrow(/Unsupported value: "router"/)
  await expect(set([v4('wpad', 'x", router = 10.64.0.66, wpad = "')])).rejects.toThrow(/quotation marks/)
  await set([{ name: 'dns-server', value: 'fd00::2', ipFamily: 'IPv6' }])
  const at = project.at('own')
  const message = await waitForCondition(project.test.client, PORT, at, { type: 'Reconciling', reason: 'NoDHCP' })
  expect(message).toContain('IPv6')
}, 60_000)
