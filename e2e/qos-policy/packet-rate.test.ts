// SPDX-License-Identifier: Apache-2.0
// Packet rates by what a guest gets and answers: by its Network's policy, changed live and taken out. How exact they are the test of the node's agent says
// (agents/network/packet-rates.integration).
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NETWORK, PORT, QOS_POLICY, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const SECONDS = 6
const OFFERED = 2_000

let project: Project
let box: Instance
let door: GuestDoor
let port: Port
beforeAll(async () => {
  project = await Project.create('packet-rate', { net: '10.84.0.0/24' })
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules: [{ direction: 'ingress' }] }))
  ;({ box, door } = await project.bootGuests({ box: { securityGroupRefs: [{ name: 'open' }] } }))
  await project.waitForMark('box', 'login')
  port = await project.waitForPortOf('box')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

/** Our flows on the bridge of the guest's node; each has a meter. */
async function flows(): Promise<number> {
  const ours = 'cookie=0x6e72000000000000/0xffff000000000000'
  const argv = ['ovs-ofctl', '-O', 'OpenFlow13', 'dump-flows', 'br-int', ours]
  const { stdout } = await project.test.cloud.exec(box.status?.node ?? '', argv)
  return stdout.split('\n').filter((line) => line.includes('cookie=')).length
}
const waitForFlows = (number: number) =>
  waitUntilTrue(`${number} flows of ours`, async () => (await flows()) === number || undefined, 30_000)
const limit = (direction: string, maxKpps: number) => ({ direction, maxKpps })
const set = (packetRateLimits: object[]) => project.patch(QOS_POLICY, 'rates', { spec: { packetRateLimits } })

/** Echo requests, so many a second as are offered, and how many of them are answered. */
const ECHO = `
import os, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.setblocking(False)
address, seconds, offered = sys.argv[1], ${SECONDS}, ${OFFERED}
number = os.getpid() & 0xffff
total = sum((0x0800, number))
request = struct.pack("!BBHHH", 8, 0, ~((total & 0xffff) + (total >> 16)) & 0xffff, number, 0)
begun, sent, received = time.time(), 0, 0
def take():
  global received
  try:
    while True:
      answer = s.recv(100)
      if answer[20] == 0 and answer[24:26] == request[4:6]: received += 1
  except BlockingIOError: pass
while time.time() - begun < seconds:
  while sent < (time.time() - begun) * offered:
    try: s.sendto(request, (address, 0))
    except BlockingIOError: pass
    sent += 1
  take()
  time.sleep(0.001)
time.sleep(0.5)
take()
print(sent, received)`

async function answered(): Promise<number> {
  const { stdout } = await door.within(['python3', '-c', ECHO, addressOf(box)], 60_000)
  const [sent = 0, received = 0] = stdout.split(' ').map(Number)
  expect(sent).toBeGreaterThan(SECONDS * OFFERED * 0.9)
  return received
}
/** What passes in that time, the burst of half a second included, of so many thousand a second. */
const expectAbout = (packets: number, kpps: number) => {
  const wanted = kpps * 1000 * (SECONDS + 0.5)
  expect(packets).toBeGreaterThan(wanted * 0.8)
  expect(packets).toBeLessThan(wanted * 1.1)
}

test('a guest answers no more than its Network’s policy lets it send, and gets no more than that lets it get', async () => {
  expect(await answered()).toBeGreaterThan(SECONDS * OFFERED * 0.7)
  const spec = { packetRateLimits: [limit('egress', 1)] }
  await project.create(QOS_POLICY, draft.qosPolicy(project.at('rates'), spec))
  await project.patch(NETWORK, 'net', { spec: { qosPolicyRef: { name: 'rates' } } })
  await waitForFlows(1)
  expectAbout(await answered(), 1)
  await set([limit('ingress', 1)])
  await waitForFlows(1)
  expectAbout(await answered(), 1)
  expect((await project.test.client.get<Port>(PORT, project.at(port.metadata.name))).status).toMatchObject({
    ...{ qosPolicy: `${project.namespace}/rates`, state: 'ACTIVE' },
  })
}, 120_000)

test('a policy that is mistyped leaves the limit as it is; without one there is none', async () => {
  await project.patch(NETWORK, 'net', { spec: { qosPolicyRef: { name: 'typo' } } })
  expectAbout(await answered(), 1)
  expect(await flows()).toBe(1)
  await project.patch(NETWORK, 'net', { spec: { qosPolicyRef: null } })
  await waitForFlows(0)
  expect(await answered()).toBeGreaterThan(SECONDS * OFFERED * 0.7)
}, 120_000)
