// SPDX-License-Identifier: Apache-2.0
// A guest with two NUMA cells, each vCPU on a CPU of its own and memory in hugepages, as its own kernel and this host's show it. The host has one cell:
// both of the guest's are on it, which the scheduler would not do.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { claimHugepages } from '../../../../local/cloud/hugepages.ts'
import { until } from '../../../../lib/time/until.ts'
import { listHostCells, type HostCell } from '../../host-cells.ts'
import type { LibvirtInstanceDriver } from './libvirt-instance-driver.ts'
import { startDriverNode, type DriverNode } from './testing.ts'

const signal = new AbortController().signal
const PAGE_KIB = 2048
const MEMORY_MIB = 256
let at: DriverNode
let driver: LibvirtInstanceDriver
let cells: HostCell[]
let own: number[]

beforeAll(async () => {
  at = await startDriverNode()
  own = (await listHostCells()).flatMap(({ sharedCpus }) => sharedCpus).slice(0, 2)
  cells = await listHostCells({ dedicatedCpus: own })
  driver = at.newDriver({ readCells: async () => cells })
  await claimHugepages(at.node.work, (MEMORY_MIB * 1024) / PAGE_KIB)
}, 180_000)
afterAll(async () => {
  driver?.close()
  await at?.node.stop()
  if (at) await claimHugepages(at.node.work, 0)
})

const taskCpus = async (pid: string): Promise<Record<string, string>> => {
  const dir = `/proc/${at.node.pid}/root/proc/${pid}/task`
  const tasks = await Promise.all(
    (await readdir(dir)).map(async (task) => {
      const status = await readFile(join(dir, task, 'status'), 'utf8')
      const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
      return [field('Name'), field('Cpus_allowed_list')] as const
    }),
  )
  return Object.fromEntries(tasks.filter(([name]) => name.startsWith('CPU ')))
}
const freePages = async () => (await listHostCells())[0]!.hugepages.find(({ sizeKiB }) => sizeKiB === PAGE_KIB)!.free

test('the guest sees its cells, the host its pins and pages', async () => {
  const [first, second] = own as [number, number]
  const hostCell = cells[0]!.id
  const half = (vcpu: number, cpu: number) => ({ hostCell, vcpus: [vcpu], memoryMiB: MEMORY_MIB / 2, cpus: [cpu] })
  const machine = at.want({
    ...{ vcpus: 2, memoryMiB: MEMORY_MIB },
    // The other way round, so that no default passes for it.
    numa: { pageSizeKiB: PAGE_KIB, cells: [half(0, second), half(1, first)] },
  })
  const { uid } = machine
  const before = await freePages()
  await driver.ensure(machine, signal)
  await driver.setPower(uid, 'on', signal)
  const pid = (await at.node.exec(['pgrep', '-f', `guest=nephele-${uid},`], { timeoutMs: 5_000 })).stdout.trim()
  expect(await taskCpus(pid)).toEqual({ 'CPU 0/TCG': String(second), 'CPU 1/TCG': String(first) })
  const log = async () => (await driver.readConsoleLog(uid, 65_536)).toString('latin1')
  await until(async () => (await log()).includes('MARK login'), 'login', 120_000, 100)
  expect(before - (await freePages())).toBe((MEMORY_MIB * 1024) / PAGE_KIB)

  const console1 = await driver.openConsole(uid, signal)
  let output = ''
  console1.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')))
  console1.on('error', () => undefined)
  console1.write(
    '\nfor n in /sys/devices/system/node/node*; do echo cell $(basename $n) cpus $(cat $n/cpulist) $(grep MemTotal $n/meminfo); done; echo typed-$((20+3))\n',
  )
  await until(() => output.includes('typed-23'), 'typed', 20_000)
  console1.destroy()
  expect(output).toMatch(/cell node0 cpus 0 Node 0 MemTotal: \d+ kB/)
  expect(output).toMatch(/cell node1 cpus 1 Node 1 MemTotal: \d+ kB/)
  await driver.setPower(uid, 'off', signal)
  await until(async () => (await freePages()) === before, 'the pages are free again', 10_000)
  await driver.remove(uid, signal)
}, 180_000)

test('a machine without a topology keeps off CPUs of others; where all are dedicated there would be none', async () => {
  cells = await listHostCells({ dedicatedCpus: own.slice(0, 1) })
  const machine = at.want()
  await driver.ensure(machine, signal)
  await driver.setPower(machine.uid, 'on', signal)
  const pid = (await at.node.exec(['pgrep', '-f', `guest=nephele-${machine.uid},`], { timeoutMs: 5_000 })).stdout.trim()
  const shared = cells.flatMap(({ sharedCpus }) => sharedCpus)
  expect(await taskCpus(pid)).toEqual({ 'CPU 0/TCG': shared.length === 1 ? String(shared[0]) : expect.any(String) })
  expect(Object.values(await taskCpus(pid))[0]).not.toBe(String(own[0]))
  await driver.remove(machine.uid, signal)
}, 60_000)
