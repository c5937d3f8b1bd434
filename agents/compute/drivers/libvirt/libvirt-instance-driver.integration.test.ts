// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { until } from '../../../../lib/time/until.ts'
import { consoleDir, consoleLog, instanceDir, instancesDir, tapName } from '../../paths.ts'
import { instanceDriverContract } from '../contract-suite.ts'
import { nicWant } from '../testing.ts'
import { tryGuest } from './acceleration.ts'
import type { LibvirtInstanceDriver } from './libvirt-instance-driver.ts'
import { diskPaths } from './disk-paths.ts'
import { domainUuidBytes } from './domain-name.ts'
import { startDriverNode, type DriverNode } from './testing.ts'

const signal = new AbortController().signal
let at: DriverNode
let driver: LibvirtInstanceDriver

beforeAll(async () => {
  at = await startDriverNode()
  driver = at.newDriver()
}, 180_000)
afterAll(async () => {
  driver?.close()
  await at?.node.stop()
})

describe('libvirt keeps the contract', () => {
  instanceDriverContract(() => ({ driver, want: at.want, volume: at.volume }))
})

const times: Record<string, number[]> = {}
async function timed<T>(name: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await run()
  ;(times[name] ??= []).push(performance.now() - start)
  return result
}
afterAll(() => {
  const rows = Object.entries(times).map(
    ([name, all]) => `${name.padEnd(36)} ${all.map((ms) => ms.toFixed(0)).join(', ')} ms`,
  )
  console.log(rows.join('\n'))
})
/** Closed when this resolves. */
async function writeTo(console1: Duplex, text: string): Promise<void> {
  const closed = once(console1, 'close')
  await new Promise((resolve) => console1.write(text, resolve))
  console1.destroy()
  await closed
}
const logText = async (uid: string): Promise<string> => (await driver.readConsoleLog(uid, 65_536)).toString('latin1')
const pidOf = async (uid: string): Promise<string> =>
  (await at.node.exec(['pgrep', '-f', `guest=nephele-${uid},`], { timeoutMs: 5_000 })).stdout.trim()

describe('guests under libvirt', () => {
  test('boots from its own boot loader to login, with every disk; the console log is kept; all goes at the end', async () => {
    const volume = await at.volume()
    const files = [
      { path: 'openstack/latest/meta_data.json', content: '{"uuid":"x"}' },
      { path: 'openstack/latest/user_data', content: Buffer.from('#!/bin/sh\necho MARK user') },
    ]
    const machine = at.want({
      ephemeralGiB: 1,
      swapMiB: 64,
      volumes: [volume],
      configDrive: files,
      hostname: '"><x/>',
      name: 'a\n"><b/>',
      memoryMiB: 256,
    })
    const { uid } = machine
    await timed('ensure: overlay, disks, define', () => driver.ensure(machine, signal))
    const start = performance.now()
    await timed('power on returns', () => driver.setPower(uid, 'on', signal))
    await until(async () => (await logText(uid)).includes('MARK login'), 'login', 90_000, 100)
    times['power on to MARK login'] = [performance.now() - start]
    expect(await logText(uid)).toMatch(/MARK meta \S+ \/dev\/vde1? .*"uuid"/)

    const image = `${instanceDir(at.paths, uid)}/config.img`
    const label = await at.node.exec(['blkid', '-p', '-s', 'LABEL', '-o', 'value', image], { timeoutMs: 5_000 })
    // Letter by letter: cloud-init takes capitals too, others do not.
    expect(label.stdout.trim()).toBe('config-2')
    const metaData = [
      'mtype',
      '-i',
      `${instanceDir(at.paths, uid)}/config.img`,
      '::openstack/latest/meta_data.json',
    ] as const
    expect((await at.node.exec(metaData, { timeoutMs: 5_000 })).stdout).toContain('"uuid"')
    // Neither root, nor the owner of what machines share.
    const { uid: qemu } = await stat(`/proc/${at.node.pid}/root/proc/${await pidOf(uid)}`)
    expect(qemu).not.toBe(0)
    expect((await stat(diskPaths(at.paths, machine).root)).uid).toBe(qemu)
    const base = await stat(diskPaths(at.paths, machine).base)
    expect([base.uid, base.mode & 0o022]).toEqual([0, 0])

    const stats = await driver.stats(uid, signal)
    expect(stats.cpuTimeNs).toBeGreaterThan(0n)

    const console1 = await driver.openConsole(uid, signal)
    let output = ''
    console1.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')))
    console1.on('error', () => undefined)
    console1.write('\nls -l /dev/vd*; head -c 4096 /dev/vdd | tail -c 10; echo; echo typed-$((20+3))\n')
    await until(() => output.includes('typed-23'), 'typed', 10_000)
    expect(output).toContain('SWAPSPACE2')
    // The log is bounded: a chatty guest fills three files of 64 KiB at the most here.
    console1.write('yes 0123456789012345678901234567890123456789 | head -n 8000; echo flood-$((40+2))\n')
    await until(() => output.includes('flood-42'), 'flood', 60_000, 100)
    console1.destroy()
    // Another process writes it, from a pipe of its own.
    await until(async () => (await driver.readConsoleLog(uid, 1000)).toString().includes('flood-42'), 'logged', 10_000)
    const logs = (await readdir(consoleDir(at.paths))).filter((name) => name.startsWith(uid))
    expect(logs.length).toBeGreaterThan(1)
    const sizes = await Promise.all(
      logs.map(async (name) => (await readFile(`${consoleDir(at.paths)}/${name}`)).length),
    )
    expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(3 * 65_536 + 4096)

    // libvirtd (11.3 here) waits for itself for ever when a connection goes while its console still has something to say.
    await writeTo(await driver.openConsole(uid, signal), '\nyes 0123456789 &\n')
    for (let i = 0; i < 100; i++) {
      const talking = await driver.openConsole(uid, signal)
      talking.on('error', () => undefined)
      await once(talking, 'data')
      talking.destroy()
      expect((await driver.find(uid, AbortSignal.timeout(5_000)))?.power).toBe('running')
    }
    await writeTo(await driver.openConsole(uid, signal), '\nkill %1\n')

    // One has it at a time; by force it is taken over.
    const first = await driver.openConsole(uid, signal, { force: false })
    const ended = new Promise((resolve) => first.on('close', resolve))
    // It does not read: libvirtd, in the middle of sending to it, would not tell it that it has lost the console.
    first.on('error', () => undefined)
    first.write('\nyes 0123456789 &\n')
    await expect(driver.openConsole(uid, signal, { force: false })).rejects.toMatchObject({ reason: 'ConsoleTaken' })
    const second = await driver.openConsole(uid, signal, { force: true })
    await ended
    let seen = ''
    second.on('data', (chunk: Buffer) => (seen += chunk.toString('latin1'))).on('error', () => undefined)
    second.write('\nkill %1; echo second-$((1+1))\n')
    await until(() => seen.includes('second-2'), 'the second one’s word', 20_000)
    second.destroy()
    await until(async () => (await logText(uid)).includes('second-2'), 'its word in the log', 10_000)

    // Hot-plug both ways: the running guest lets its volume go.
    await timed('detach a volume', () => driver.ensureVolumes({ ...machine, volumes: [] }, signal))
    await until(async () => (await driver.find(uid, signal))!.volumes?.length === 0, 'detached', 15_000)
    await timed('attach a volume', () => driver.ensureVolumes(machine, signal))
    expect((await driver.find(uid, signal))!.volumes).toEqual([volume.uid])

    await timed('remove a running machine', () => driver.remove(uid, signal))
    expect(existsSync(instanceDir(at.paths, uid))).toBe(false)
    expect((await readdir(consoleDir(at.paths))).filter((name) => name.startsWith(uid))).toEqual([])
    expect((await driver.list(signal)).filter((entry) => entry.uid === uid)).toEqual([])
    await expect(pidOf(uid)).rejects.toThrow()
  }, 240_000)

  test('stop by ACPI or power, start again with its disk; libvirtd may die meanwhile', async () => {
    const machine = at.want({ memoryMiB: 256 })
    const { uid } = machine
    await driver.ensure(machine, signal)
    await driver.setPower(uid, 'on', signal)
    const pid = await pidOf(uid)
    await at.node.killLibvirtd()
    await expect(driver.find(uid, signal)).rejects.toMatchObject({ reason: 'HypervisorUnreachable' })
    await at.node.startLibvirtd()
    const start = performance.now()
    await until(
      () =>
        driver.find(uid, signal).then(
          (found) => found?.power === 'running',
          () => false,
        ),
      'attached',
      15_000,
    )
    times['libvirtd back to guest seen again'] = [performance.now() - start]
    expect(await pidOf(uid)).toBe(pid)
    // Another size waits for the next start.
    const larger = { ...machine, vcpus: 2, memoryMiB: 320, root: { ...machine.root, sizeBytes: 2 ** 30 } }
    const small = { vcpus: machine.vcpus, memoryMiB: 256, rootBytes: machine.root.sizeBytes }
    expect(await driver.ensure(larger, signal)).toMatchObject({ power: 'running', ...small })
    await timed('power off', () => driver.setPower(uid, 'off', signal))
    await timed('ensure of what is there', () => driver.ensure(machine, signal))
    const large = { vcpus: 2, memoryMiB: 320, rootBytes: 2 ** 30 }
    expect(await driver.ensure(larger, signal)).toMatchObject({ power: 'off', ...large })
    await timed('power on returns', () => driver.setPower(uid, 'on', signal))
    expect(await driver.find(uid, signal)).toMatchObject({ power: 'running', ...large })
    expect(await pidOf(uid)).not.toBe(pid)
    await driver.remove(uid, signal)
  }, 60_000)

  test('a tap is there with the machine and goes with it', async () => {
    const nic = nicWant()
    const machine = at.want({ nics: [nic] })
    await driver.ensure(machine, signal)
    await driver.setPower(machine.uid, 'on', signal)
    const link = await at.node.exec(['ip', 'link', 'show', tapName(nic.portUid)], { timeoutMs: 5_000 })
    expect(link.stdout).toContain('mtu 1442')
    await driver.remove(machine.uid, signal)
    await expect(at.node.exec(['ip', 'link', 'show', tapName(nic.portUid)], { timeoutMs: 5_000 })).rejects.toThrow()
  }, 30_000)

  test('a vhost-user port without a switch: the start is taken back at its deadline', async () => {
    const nic = nicWant({ vnicType: 'vhostuser' })
    const machine = at.want({ nics: [nic] })
    await driver.ensure(machine, signal)
    const { LibvirtInstanceDriver } = await import('./libvirt-instance-driver.ts')
    const impatient = new LibvirtInstanceDriver({
      socketPath: at.node.socketPath,
      uri: 'qemu:///system',
      paths: at.paths,
      bootId: 'boot-1',
      startTimeoutMs: 1_500,
    })
    await expect(impatient.setPower(machine.uid, 'on', signal)).rejects.toMatchObject({ reason: 'StartTimeout' })
    await until(async () => (await driver.find(machine.uid, signal))?.power === 'off', 'off', 5_000)
    await driver.remove(machine.uid, signal)
    expect(await readdir(`${at.paths.runDir}/vhostuser`)).toEqual([])
    impatient.close()
  }, 30_000)

  test('the guest of the KVM probe runs where guests run', async () => {
    const connection = { socketPath: at.node.socketPath, uri: 'qemu:///system' }
    expect(await tryGuest('qemu', { connection, dir: `${at.node.work}/probe` }, signal)).toBeUndefined()
    expect((await readdir(`${at.node.work}/probe`)).length).toBe(0)
  })

  test('domains of others are not ours: untouched, unlisted, and their UUID refused', async () => {
    const client = new LibvirtClient({ socketPath: at.node.socketPath, uri: 'qemu:///system' })
    const uid = randomUUID()
    const xml = `<domain type='qemu'><name>theirs</name><uuid>${uid}</uuid><memory>65536</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>`
    const { domain } = await client.call('defineXml', { xml, flags: 0 }, signal)
    const foreign = { reason: 'ForeignDomain' }
    await expect(driver.find(uid, signal)).rejects.toMatchObject(foreign)
    await expect(driver.ensure(at.want({ uid }), signal)).rejects.toMatchObject(foreign)
    await expect(driver.remove(uid, signal)).rejects.toMatchObject(foreign)
    expect((await driver.list(signal)).filter((entry) => entry.uid === uid)).toEqual([])
    const { domain: still } = await client.call('lookupByUuid', { uuid: domainUuidBytes(uid) }, signal)
    expect(still.name).toBe('theirs')
    await client.call('undefine', { domain, flags: 0 }, signal)
    client.close()
  })

  test('a root disk that is gone is not made anew', async () => {
    const machine = at.want()
    await driver.ensure(machine, signal)
    await rm(`${instanceDir(at.paths, machine.uid)}/root.qcow2`)
    await expect(driver.ensure(machine, signal)).rejects.toMatchObject({ reason: 'RootDiskMissing' })
    await driver.remove(machine.uid, signal)
  })

  test('a volume over NBD is attached and detached while the machine runs; one with TLS is a definition that libvirt takes', async () => {
    const file = await at.volume()
    const { path } = file.connection as { path: string }
    const pidFile = `${at.node.work}/nbd.pid`
    const serve = [
      'qemu-nbd',
      '--fork',
      '-t',
      '-f',
      'raw',
      '-x',
      'vol',
      '-p',
      '10809',
      '--pid-file',
      pidFile,
      path,
    ] as const
    await at.node.exec(serve, { timeoutMs: 5_000 })
    const connection = { protocol: 'nbd' as const, host: '127.0.0.1', port: 10809, exportName: 'vol', tls: false }
    const machine = at.want({ memoryMiB: 256 })
    const { uid } = machine
    await driver.ensure(machine, signal)
    await driver.setPower(uid, 'on', signal)
    await until(async () => (await logText(uid)).includes('MARK login'), 'login', 90_000, 100)
    const withVolume = { ...machine, volumes: [{ uid: file.uid, connection }] }
    expect((await timed('attach over NBD', () => driver.ensureVolumes(withVolume, signal))).volumes).toEqual([file.uid])
    await driver.ensureVolumes(machine, signal)
    await until(async () => (await driver.find(uid, signal))!.volumes?.length === 0, 'detached', 15_000)
    await driver.remove(uid, signal)
    await at.node.exec(['kill', (await readFile(pidFile, 'utf8')).trim()], { timeoutMs: 5_000 })

    const secure = { uid: randomUUID(), connection: { ...connection, tls: true, tlsHostname: 'storage-1' } }
    const other = at.want({ volumes: [secure] })
    expect((await driver.ensure(other, signal)).volumes).toEqual([secure.uid])
    await driver.remove(other.uid, signal)
  }, 60_000)

  test('a volume that is a link, or is not there, is not handed to a guest', async () => {
    const volume = await at.volume()
    const { path } = volume.connection as { path: string }
    await rename(path, `${path}.real`)
    await expect(driver.ensure(at.want({ volumes: [volume] }), signal)).rejects.toMatchObject({
      reason: 'VolumeMissing',
    })
    await symlink(`${path}.real`, path)
    await expect(driver.ensure(at.want({ volumes: [volume] }), signal)).rejects.toMatchObject({
      reason: 'VolumeUnsafe',
    })
    for (const { uid } of await driver.list(signal)) await driver.remove(uid, signal)
    expect(await readdir(instancesDir(at.paths))).toEqual([])
    expect(existsSync(dirname(consoleLog(at.paths, 'x')))).toBe(true)
  })
})
