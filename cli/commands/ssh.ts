// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { FLOATING_IP, INSTANCE } from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance } from '../../lib/api/types.ts'
import { UsageError, type Command } from '../command-line/command.ts'
import { getObject } from '../command-line/find-kind.ts'

export const ssh: Command = {
  name: 'ssh',
  usage: '[USER@]NAME [-- ARGUMENTS OF ssh]',
  summary: 'ssh to a machine: at its FloatingIP, or else at its own address, if your host reaches that',
  completes: 'instances',
  arguments: { least: 1, most: 1 },
  takesRest: true,
  async run(context, [target = ''], rest) {
    const at = target.lastIndexOf('@')
    const [user, name] = at < 0 ? [undefined, target] : [target.slice(0, at), target.slice(at + 1)]
    const instance = await getObject<Instance>(context, INSTANCE, name)
    const { client, namespace, signal } = context
    const floating = await client.list<FloatingIP>(FLOATING_IP, { namespace, signal })
    return run(sshArguments(user, addressFor(instance, floating), rest))
  },
}

export type SshTarget = { address: string; port?: number }

/** Pure. @throws UsageError for a machine without an address */
export function addressFor({ metadata, status }: Instance, floating: readonly FloatingIP[]): SshTarget {
  const own = floating.filter((one) => one.status?.state === 'ACTIVE')
  const whole = own.find((one) => one.status?.instanceUID === metadata.uid)?.status?.ipAddress
  if (whole !== undefined) return { address: whole }
  const ports = new Set((status?.addresses ?? []).map(({ port }) => port))
  for (const one of own)
    for (const [i, { protocol, externalPort, port }] of (one.status?.portForwardings ?? []).entries()) {
      const { internalPort, externalEndPort } = one.spec.portForwardings?.[i] ?? {}
      const leadsToSsh = protocol === 'tcp' && externalEndPort === undefined && (internalPort ?? externalPort) === 22
      if (leadsToSsh && port !== undefined && ports.has(port) && one.status?.ipAddress !== undefined)
        return { address: one.status.ipAddress, port: externalPort }
    }
  const address = status?.addresses?.find(({ ipAddress }) => ipAddress !== undefined)?.ipAddress
  if (address !== undefined) return { address }
  throw new UsageError(
    `Instance "${metadata.name}" has no address yet: "kubectl nephele why ${metadata.name}" says why`,
  )
}

/** Pure. Whatever a name or address looks like, ssh takes it for no option. @param rest options of ssh, and then the command */
export function sshArguments(
  user: string | undefined,
  { address, port }: SshTarget,
  rest: readonly string[],
): string[] {
  const end = endOfOptions(rest)
  return [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...rest.slice(0, end),
    ...['--', address],
    ...rest.slice(end),
  ]
}

/** Of options that take a value; ssh(1). */
const WITH_VALUE = /^-[46AaCfGgKkMNnqsTtVvXxYy]*[BbcDEeFIiJLlmOopQRSWw]$/

function endOfOptions(words: readonly string[]): number {
  let i = 0
  while (i < words.length && words[i]?.startsWith('-')) i += WITH_VALUE.test(words[i] ?? '') ? 2 : 1
  return Math.min(i, words.length)
}

function run(argv: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', argv, { stdio: 'inherit' })
    child.on('error', (error) => reject(new UsageError(`ssh cannot be started: ${error.message}`)))
    child.on('exit', (code) => resolve(code ?? 255))
  })
}
