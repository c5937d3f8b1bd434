// SPDX-License-Identifier: Apache-2.0
// A router outside, on the physical network: a network namespace of its own that speaks BFD and has a range behind it. Its end is the host's
// death: nothing of it is left, and nobody was told.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exec, ExecError } from '../../lib/exec.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { fabricNet } from '../../local/node/fabric.ts'
import type { TestCloud } from './cloud.ts'

const PROGRAM = readFileSync(join(import.meta.dirname, 'bfd-program.mjs'), 'utf8')

export interface NextHop extends AsyncDisposable {
  address: string
  /** How many pings it has answered so far. */
  echoes(): Promise<number>
}

/** @param last of its address on the external network. @param range behind it: it answers for all addresses of it */
export async function startNextHop({ cloud }: TestCloud, last: number, range: string): Promise<NextHop> {
  const { fabric, subnet } = cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const { network } = addressesOf(subnet).external
  const address = network.replace(/\d+\/\d+$/, String(last))
  const argv = ['--net', process.execPath, '--input-type=module', '-e', PROGRAM, '--', address]
  const child = spawn('unshare', argv, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child, 'spawn')
  const within = `--net=/proc/${child.pid}/ns/net`
  const run = (...command: [string, ...string[]]) => exec(['nsenter', within, ...command], { timeoutMs: 10_000 })
  const device = `hop${last}`
  const outer = [`--net=${fabricNet(fabric)}`, 'ip', 'link']
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
    // The kernel takes its time with it; it may be gone by now.
    await exec(['nsenter', ...outer, 'delete', device], { timeoutMs: 10_000 }).catch((error: unknown) => {
      if (!(error instanceof ExecError)) throw error
    })
  }
  try {
    await untilApart(child.pid)
    const peer = ['peer', 'name', 'eth0', 'netns', `/proc/${child.pid}/ns/net`]
    await exec(['nsenter', ...outer, 'add', device, 'type', 'veth', ...peer], { timeoutMs: 10_000 })
    await exec(['nsenter', ...outer, 'set', device, 'master', 'ext', 'up'], { timeoutMs: 10_000 })
    await run('ip', 'link', 'set', 'lo', 'up')
    await run('ip', 'route', 'add', 'local', range, 'dev', 'lo')
    // One that comes again is the same host.
    await run('ip', 'link', 'set', 'eth0', 'address', `02:00:0a:61:01:${last.toString(16).padStart(2, '0')}`, 'up')
    await run('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
  } catch (error) {
    await stop()
    throw error
  }
  const echoes = async () => {
    const [names = '', values = ''] = (await run('grep', '^Icmp:', '/proc/net/snmp')).stdout.split('\n')
    return Number(values.split(' ')[names.split(' ').indexOf('InEchos')])
  }
  return { address, echoes, [Symbol.asyncDispose]: stop }
}

/** Until then it is in our own namespace. */
async function untilApart(pid: number | undefined): Promise<void> {
  const namespaceOf = async (of: string) =>
    (await exec(['readlink', `/proc/${of}/ns/net`], { timeoutMs: 5_000 })).stdout
  const ours = await namespaceOf('self')
  for (let i = 0; i < 100; i++) {
    if ((await namespaceOf(String(pid))) !== ours) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('unshare made no namespace')
}
