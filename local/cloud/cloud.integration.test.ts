// SPDX-License-Identifier: Apache-2.0
// Two nodes, one of which has DPDK, and a control plane, as `npm run cloud -- up --no-operator` makes them, and nothing left after
// `down`.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { createProgress } from '../host/progress.ts'
import { isRunning } from '../host/process.ts'
import type { Cloud } from './cloud.ts'
import { down } from './down.ts'
import { up } from './up.ts'

const name = `test-${process.pid}`
const progress = createProgress(() => undefined)
const hugepages = () => readFileSync('/proc/sys/vm/nr_hugepages', 'utf8')
const namespaces = () => {
  const found = new Set<string>()
  for (const pid of readdirSync('/proc').filter((f) => /^\d+$/.test(f))) {
    try {
      found.add(readlinkSync(`/proc/${pid}/ns/net`))
    } catch {
      // It ended meanwhile.
    }
  }
  return found
}

describe('a cloud without its operator', () => {
  let base: string, cloud: Cloud, environment: string | undefined
  const hugepagesBefore = hugepages()
  beforeAll(async () => {
    environment = process.env['NEPHELE_STATE']
    base = mkdtempSync(join(tmpdir(), 'nephele-cloud-'))
    process.env['NEPHELE_STATE'] = base
    cloud = (await up({ name, computeNodes: 1, dpdkNodes: 1, operator: false, progress })).cloud
  }, 180_000)
  afterAll(async () => {
    await down(name, progress)
    rmSync(base, { recursive: true, force: true })
    if (environment === undefined) delete process.env['NEPHELE_STATE']
    else process.env['NEPHELE_STATE'] = environment
  }, 60_000)

  test('the chart is installed and the node is there with its roles', async () => {
    expect(await cloud.kubectl(['get', 'crd', 'instances.nephele.dev', '-o', 'name'])).toContain('instances')
    const labels = await cloud.kubectl(['get', 'node', 'network-1', '-o', 'jsonpath={.metadata.labels}'])
    expect(JSON.parse(labels)).toMatchObject({ 'nephele.dev/network': 'gateway', 'nephele.dev/storage': 'true' })
  }, 60_000)

  test('the agent has a token that is bound to its node and for NATS only', () => {
    const token = readFileSync(cloud.layout.nodeToken('network-1'), 'utf8')
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object
    expect(claims).toMatchObject({ aud: ['nephele-nats'], 'kubernetes.io': { node: { name: 'network-1' } } })
    expect(cloud.findDaemon('network-1', 'agent')).toBeDefined()
  })

  test("the northbound database refuses a node's certificate authority", async () => {
    const port = `ssl:10.98.${cloud.state.subnet}.1:6641`
    const ask = async (pair: string) => {
      for (const kind of ['crt', 'key']) {
        const input = readFileSync(cloud.layout.pki(`${pair}.${kind}`), 'utf8')
        await cloud.exec('network-1', ['tee', `/tmp/${kind}`], { timeoutMs: 10_000, input })
      }
      const files = ['--private-key', '/tmp/key', '--certificate', '/tmp/crt', '--ca-cert', '/etc/nephele/ca.crt']
      const argv = ['ovsdb-client', '--timeout=5', ...files, 'list-dbs', port]
      return (await cloud.exec('network-1', argv, { timeoutMs: 10_000 })).stdout
    }
    expect(await ask('operator-nb')).toContain('OVN_Northbound')
    await expect(ask('nats')).rejects.toThrow()
  }, 60_000)

  test('up again changes nothing', async () => {
    const before = JSON.stringify(cloud.state)
    const again = (await up({ name, computeNodes: 1, dpdkNodes: 1, operator: false, progress })).cloud
    expect(JSON.stringify(again.state)).toBe(before)
  }, 60_000)

  test('a cloud is not given other nodes by a second up', async () => {
    await expect(up({ name, dpdkNodes: 0, operator: false, progress })).rejects.toThrow(/--dpdk-nodes 1, not 0/)
  })

  test('the switch of one node runs on DPDK, after it was killed too, and the other one does not', async () => {
    const dpdkOf = async (node: string) => {
      const argv = ['ovs-vsctl', '--timeout=5', 'get', 'open', '.', 'dpdk_initialized']
      return (await cloud.exec(node, argv)).stdout.trim()
    }
    expect([await dpdkOf('network-1'), await dpdkOf('compute-1')]).toEqual(['false', 'true'])
    await cloud.restartDaemon('compute-1', 'ovs-vswitchd')
    const ask = [
      'ovs-vsctl',
      '--timeout=20',
      'add-br',
      'br-new',
      '--',
      'set',
      'bridge',
      'br-new',
      'datapath_type=netdev',
    ]
    await cloud.exec('compute-1', ask)
    const vhost = ['type=dpdkvhostuserclient', 'options:vhost-server-path=/run/none']
    const plug = ['--timeout=20', 'add-port', 'br-new', 'vhu0', '--', 'set', 'Interface', 'vhu0', ...vhost]
    await cloud.exec('compute-1', ['ovs-vsctl', ...plug])
    const error = await cloud.exec('compute-1', [
      'ovs-vsctl',
      '--timeout=5',
      '--bare',
      'get',
      'Interface',
      'vhu0',
      'error',
    ])
    expect(error.stdout.trim()).toBe('[]')
  }, 60_000)

  test('killed processes come back, with their objects', async () => {
    for (const process of ['nats', 'etcd', 'apiserver'] as const) {
      const before = cloud.findProcess(process)
      expect((await cloud.restartProcess(process)).pid).not.toBe(before?.pid)
    }
    writeFileSync(join(cloud.layout.natsStore, 'old'), '')
    await cloud.wipeNats()
    expect(existsSync(join(cloud.layout.natsStore, 'old'))).toBe(false)
    expect(cloud.findProcess('nats')).toBeDefined()
    expect(await cloud.kubectl(['get', 'node', 'network-1', '-o', 'name'])).toContain('network-1')
  }, 60_000)

  test('down leaves no process, namespace, mount, interface or file', async () => {
    await cloud.rebootNode('network-1')
    const { state, layout } = cloud
    const net = readlinkSync(`/proc/${cloud.node('network-1').pid}/ns/net`)
    expect(namespaces()).toContain(net)
    expect(await down(name, progress)).toBe(true)
    expect(hugepages()).toBe(hugepagesBefore)
    expect([...Object.values(state.processes), ...Object.values(state.nodes)].filter(isRunning)).toEqual([])
    expect(namespaces()).not.toContain(net)
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(layout.dir)
    expect((await exec(['ip', '-o', 'link'], { timeoutMs: 5000 })).stdout).not.toContain(state.hostInterface)
    expect(existsSync(layout.dir)).toBe(false)
    expect(await down(name, progress)).toBe(false)
  }, 60_000)
})
