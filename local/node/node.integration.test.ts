// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { createAuthority } from '../control-plane/authority.ts'
import { isRunning, type StartedProcess } from '../host/process.ts'
import { ensureRootfs } from '../rootfs/build.ts'
import { findDaemon, restartDaemon, startDaemon, stopDaemon } from './daemons.ts'
import { fabricNet, inRoot, startFabric, stopFabric } from './fabric.ts'
import { execInNode, pathIn, startNode, stopNode, waitForNode, type NodeOptions, type RunningNode } from './node.ts'

const hostInterface = `npht${process.pid}`.slice(0, 15)
const timeoutMs = 20_000

describe('one node with OVN central', () => {
  let dir: string, fabric: StartedProcess, node: RunningNode, options: NodeOptions
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nephele-node-'))
    const authority = await createAuthority('test')
    const server = await authority.issue({ commonName: 'ovn', names: ['10.98.250.1'] })
    const hostCidr = '10.98.250.254/24'
    const rootfs = await ensureRootfs()
    const outside = { cidr: '10.97.250.1/24', network: '10.97.250.0/24', router: '10.98.250.253', rootfs }
    fabric = await startFabric({ logFile: join(dir, 'fabric.log'), endsWithUs: true, hostInterface, hostCidr, outside })
    options = {
      dir: join(dir, 'one'),
      name: 'one',
      index: 1,
      rootfs,
      fabricNet: fabricNet(fabric),
      managementCidr: '10.98.250.1/24',
      tunnelCidr: '10.99.0.1/24',
      services: ['virtlogd', 'libvirtd', 'ovsdb', 'ovs-vswitchd', 'ovn-nb', 'ovn-sb', 'ovn-northd', 'ovn-controller'],
      files: {
        ovnCentral: {
          serverCertificate: server.certificate,
          serverKey: server.key,
          northboundClients: authority.certificate,
          southboundClients: authority.certificate,
        },
      },
      binds: [],
      endsWithUs: true,
    }
    node = await startNode(options)
    await waitForNode(node)
  }, 120_000)
  afterAll(async () => {
    await stopNode(node)
    await stopFabric(fabric, hostInterface)
    rmSync(dir, { recursive: true, force: true })
    const { stdout } = await exec(['ip', '-o', 'link'], { timeoutMs })
    expect(stdout).not.toContain(hostInterface)
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(dir)
  })

  test('libvirt, OVS and OVN answer', async () => {
    const run = async (...argv: string[]) => (await execInNode(node, argv, { timeoutMs })).stdout
    expect(await run('virsh', '-c', 'qemu:///system', 'uri')).toContain('qemu:///system')
    expect(await run('ovs-vsctl', '--timeout=5', 'get', 'open', '.', 'external_ids:system-id')).toContain('one')
    expect(await run('ip', '-br', 'address', 'show', 'br-phys')).toContain('10.99.0.1/24')
    expect(await run('ovn-nbctl', '--timeout=5', '--print-wait-time', '--wait=sb', 'ls-add', 'net')).toContain('Time')
    expect((await run('ovn-sbctl', '--timeout=5', 'get-connection')).trim().split('\n')).toEqual([
      expect.stringMatching(/^read-only role="" pssl:6643:/),
      expect.stringMatching(/^read-write role="nephele-node-4" pssl:6642:/),
    ])
    expect(await run('ping', '-c', '1', '-W', '2', '10.98.250.254')).toContain('1 received')
  }, 60_000)

  test('eth2 is a cable to the world outside, by which the host is reached and no node', async () => {
    const run = async (...argv: string[]) => (await execInNode(node, argv, { timeoutMs })).stdout
    expect(await run('ip', '-br', '-4', 'address', 'show', 'eth2')).not.toContain('/')
    const [ovs, netdev] = [['ovs-vsctl', '--timeout=10'], 'datapath_type=netdev']
    await run(...ovs, 'add-br', 'br-ext', '--', 'set', 'bridge', 'br-ext', netdev, '--', 'add-port', 'br-ext', 'eth2')
    await run('ip', 'address', 'add', '10.97.250.9/24', 'dev', 'br-ext')
    await run('ip', 'link', 'set', 'br-ext', 'up')
    await run('ip', 'route', 'add', '10.98.250.254/32', 'via', '10.97.250.1')
    await run('mkdir', '-p', '/tmp/www')
    await run('dd', 'if=/dev/zero', 'of=/tmp/www/blob', 'bs=1M', 'count=4')
    await run('busybox', 'httpd', '-p', '10.97.250.9:8080', '-h', '/tmp/www')
    const url = 'http://10.97.250.9:8080/blob'
    const outside = (...argv: string[]) => inRoot(fabricNet(fabric), options.rootfs, argv, timeoutMs)
    const { stdout } = await outside('curl', '-s', '-o', '/dev/null', '-w', '%{size_download}', url)
    expect(stdout).toBe(String(4 << 20))
    const body = await (await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })).arrayBuffer()
    expect(body.byteLength).toBe(4 << 20)
    await expect(outside('ping', '-c', '1', '-W', '1', '10.98.250.1')).rejects.toThrow('unreachable')
    await run('ip', 'route', 'delete', '10.98.250.254/32')
    await run(...ovs, 'del-br', 'br-ext')
  }, 60_000)

  test('a killed daemon comes again, and ovs-vswitchd with its tunnel address', async () => {
    for (const service of ['libvirtd', 'ovs-vswitchd', 'ovn-sb', 'virtlogd'] as const) {
      const before = findDaemon(node, service)
      const after = await restartDaemon(node, service)
      expect(before && isRunning(before)).toBe(false)
      expect(isRunning(after)).toBe(true)
    }
    const { stdout } = await execInNode(
      node,
      [
        'bash',
        '-c',
        'for i in $(seq 100); do ip -br address show br-phys 2>/dev/null | grep 10.99 && exit; sleep 0.1; done',
      ],
      { timeoutMs },
    )
    expect(stdout).toContain('10.99.0.1/24')
  }, 60_000)

  test('a stopped daemon stays down until it is started', async () => {
    await stopDaemon(node, 'ovn-controller', 'SIGKILL')
    await restartDaemon(node, 'virtlogd')
    expect(findDaemon(node, 'ovn-controller')).toBeUndefined()
    await startDaemon(node, 'ovn-controller')
    expect(findDaemon(node, 'ovn-controller')).toBeDefined()
  }, 60_000)

  test('a reboot keeps the disk and brings another boot id', async () => {
    const bootId = async () =>
      (await execInNode(node, ['cat', '/proc/sys/kernel/random/boot_id'], { timeoutMs })).stdout.trim()
    const before = await bootId()
    await execInNode(node, ['touch', '/var/lib/nephele/kept', '/run/lost'], { timeoutMs })
    await stopNode(node)
    node = await startNode(options)
    await waitForNode(node)
    expect(await bootId()).not.toBe(before)
    expect(existsSync(pathIn(node, '/var/lib/nephele/kept'))).toBe(true)
    expect(existsSync(pathIn(node, '/run/lost'))).toBe(false)
  }, 60_000)
})
