// SPDX-License-Identifier: Apache-2.0
// Ports of vnicType macvtap and direct under a real libvirtd and QEMU. There is no card with SR-IOV here: a veth device takes the place of a
// function's interface, and a function that is given to a guest gets as far as libvirt's schema and its look for the device.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { until } from '../../../../lib/time/until.ts'
import { readFunction } from '../../../network/virtual-functions/pci-functions.ts'
import { nicWant } from '../testing.ts'
import type { LibvirtInstanceDriver } from './libvirt-instance-driver.ts'
import { startDriverNode, type DriverNode } from './testing.ts'

const signal = new AbortController().signal
const MAC = 'fa:16:3e:12:34:56'
let at: DriverNode
let driver: LibvirtInstanceDriver
const ended = new AbortController()

const run = async (...argv: [string, ...string[]]): Promise<string> =>
  (await at.node.exec(argv, { timeoutMs: 10_000 })).stdout
const shell = (script: string): Promise<string> => run('sh', '-c', script)
const macOf = async (device: string): Promise<string> => (await shell(`cat /sys/class/net/${device}/address`)).trim()
const uppersOf = async (device: string): Promise<string[]> =>
  (await shell(`ls /sys/class/net/${device}`)).split('\n').filter((name) => name.startsWith('upper_'))

/** What devtmpfs does on a host: the devices of macvtap come by themselves. */
const DEVICES = `while :; do for d in /sys/class/macvtap/tap*; do
  [ -e "$d/dev" ] && { IFS=: read -r a b < "$d/dev"; mknod "/dev/\${d##*/}" c "$a" "$b"; } 2>/dev/null
done; sleep 0.02; done`

beforeAll(async () => {
  at = await startDriverNode()
  driver = at.newDriver()
  at.node.exec(['sh', '-c', DEVICES], { timeoutMs: 600_000, signal: ended.signal }).catch(() => undefined)
  await shell('ip link add vf0 type veth peer name wire0 && ip addr add 10.9.9.1/24 dev wire0 && ip link set wire0 up')
}, 180_000)
afterAll(async () => {
  ended.abort()
  driver?.close()
  await at?.node.stop()
})

test('macvtap: the guest has the interface of the function to itself, under its own MAC, and lets go of it', async () => {
  const nic = nicWant({ vnicType: 'macvtap', mac: MAC, virtualFunction: { address: '0000:03:10.0', interface: 'vf0' } })
  const configDrive = [{ path: 'openstack/latest/meta_data.json', content: '{"uuid":"x"}' }]
  const machine = at.want({ nics: [nic], memoryMiB: 256, configDrive })
  const { uid } = machine
  const own = await macOf('vf0')
  await driver.ensure(machine, signal)
  await driver.setPower(uid, 'on', signal)
  expect(await run('ip', '-d', 'link', 'show', 'type', 'macvtap')).toMatch(/@vf0: [^]*macvtap mode passthru/)
  // By this the agent tells that a machine has it: agents/network/virtual-functions.
  expect([await macOf('vf0'), (await uppersOf('vf0')).length]).toEqual([MAC, 1])

  const log = async () => (await driver.readConsoleLog(uid, 65_536)).toString('latin1')
  await until(async () => (await log()).includes('MARK login'), 'login', 90_000, 100)
  const ping = async (mark: string): Promise<void> => {
    const console1 = await driver.openConsole(uid, signal)
    let output = ''
    console1.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')))
    console1.on('error', () => undefined)
    const own = 'ip link set eth0 up; ip addr add 10.9.9.2/24 dev eth0'
    console1.write(`\n${own}; ping -c 3 10.9.9.1; echo ${mark}-$((20+3))\n`)
    await until(() => output.includes(`${mark}-23`), mark, 30_000)
    expect(output).toMatch(/[1-3] packets received/)
    const closed = once(console1, 'close')
    console1.destroy()
    await closed
  }
  await ping('pinged')

  await driver.ensureNics({ ...machine, nics: [], ports: [] }, signal)
  await until(async () => (await driver.find(uid, signal))?.ports?.length === 0, 'detached', 15_000)
  expect([await macOf('vf0'), await uppersOf('vf0')]).toEqual([own, []])

  // One of which the node has not said yet what it is does not keep others away.
  const other = nicWant({ vnicType: 'direct', slot: 1 })
  const both = { ...machine, nics: [other, nic], ports: [other.portUid, nic.portUid] }
  await expect(driver.ensureNics(both, signal)).rejects.toMatchObject({ reason: 'PortNotReady' })
  expect((await driver.find(uid, signal))?.ports).toEqual([nic.portUid])
  expect([await macOf('vf0'), (await uppersOf('vf0')).length]).toEqual([MAC, 1])
  await ping('again')
  await driver.remove(uid, signal)
}, 180_000)

test('the function of one machine is nobody else’s, and free when the machine is gone', async () => {
  const nic = nicWant({ vnicType: 'macvtap', mac: MAC, virtualFunction: { address: '0000:03:10.0', interface: 'vf0' } })
  const [one, other] = [
    at.want({ nics: [nic] }),
    at.want({ nics: [{ ...nic, portUid: 'other', mac: 'fa:16:3e:12:34:57' }] }),
  ]
  for (const machine of [one, other]) await driver.ensure(machine, signal)
  await driver.setPower(one.uid, 'on', signal)
  await expect(driver.setPower(other.uid, 'on', signal)).rejects.toThrow()
  // libvirt has changed the MAC by then: it is the agent's record of who has which function that keeps machines apart.
  await driver.remove(one.uid, signal)
  await driver.setPower(other.uid, 'on', signal)
  expect(await macOf('vf0')).toBe('fa:16:3e:12:34:57')
  await driver.remove(other.uid, signal)
}, 60_000)

test('direct: libvirt takes the definition, and looks for the function when the machine is started', async () => {
  const virtualFunction = { address: '0000:03:10.1', vlan: 42 }
  const nic = nicWant({ vnicType: 'direct', mac: MAC, virtualFunction })
  const machine = at.want({ nics: [nic] })
  await driver.ensure(machine, signal)
  const xml = await run(
    'virsh',
    '-c',
    `qemu:///system?socket=${at.node.socketPath}`,
    'dumpxml',
    `nephele-${machine.uid}`,
  )
  expect(xml).toMatch(/<interface type='hostdev' managed='yes'>[^]*<tag id='42'\/>/)
  expect(await readFunction(virtualFunction.address)).toBeUndefined()
  await expect(driver.setPower(machine.uid, 'on', signal)).rejects.toThrow()
  await driver.remove(machine.uid, signal)
}, 60_000)
