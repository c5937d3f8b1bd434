// SPDX-License-Identifier: Apache-2.0
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import type { CallHow } from '../../../../lib/libvirt/domain-calls.ts'
import { ErrorCode, LibvirtError, type DomainRef } from '../../../../lib/libvirt/error.ts'
import type { LibvirtConnections } from './connections.ts'

/** For tests: what libvirtd answers to a procedure. */
export type Answer = (args: Record<string, unknown>, signal: AbortSignal) => unknown

export interface FakeLibvirt {
  /** All calls in order, as `connection procedure`, with the time limit where there is one. */
  calls: string[]
  answers: Record<string, Answer>
  connections: LibvirtConnections
  client: LibvirtClient
}

/** A libvirtd that answers as the test says, for orders and failures that a real one cannot be made to produce. */
export function fakeLibvirt(answers: Record<string, Answer> = {}): FakeLibvirt {
  const calls: string[] = []
  const clientOf = (name: string): LibvirtClient => {
    const call = async (
      procedure: string,
      args: Record<string, unknown>,
      signal: AbortSignal,
      timeoutMs?: number,
      how?: CallHow,
    ) => {
      calls.push([name, procedure, timeoutMs].filter((word) => word !== undefined).join(' '))
      how?.onSent?.()
      return (await answers[procedure]?.(args, signal)) ?? {}
    }
    return { call } as unknown as LibvirtClient
  }
  const names = ['quick', 'guest', 'orders', 'devices', 'starts', 'saves', 'agent', 'forced'] as const
  const connections = Object.fromEntries(names.map((name) => [name, clientOf(name)])) as unknown as LibvirtConnections
  return { calls, answers, connections, client: connections.quick }
}

export const refuse = (code: keyof typeof ErrorCode, message: string = code): LibvirtError =>
  new LibvirtError('x', { code: ErrorCode[code], domain: 10, message })

export const DOMAIN: DomainRef = { name: 'nephele-u', uuid: Buffer.alloc(16), id: 1 }
