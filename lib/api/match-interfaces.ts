// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import type { Instance, InstanceNetwork } from './types.ts'

export type InterfaceRecord = NonNullable<NonNullable<Instance['status']>['interfaces']>[number]

/**
 * Which interface on record each entry of `spec.networks` has, in their order: the first that asked for the same and that no entry before it has.
 * `leaving` are those that no entry asks for any more. Pure.
 */
export function matchInterfaces({ spec, status }: Pick<Instance, 'spec' | 'status'>): {
  had: (InterfaceRecord | undefined)[]
  leaving: InterfaceRecord[]
} {
  const leaving = [...(status?.interfaces ?? [])]
  const had = (spec.networks ?? []).map((want) => {
    if (leaving.length === 0) return undefined
    const request = requestOf(want)
    const at = leaving.findIndex(
      (one) => one.request === request && (request ?? one.port) === (request ?? want.portRef?.name),
    )
    return at < 0 ? undefined : leaving.splice(at, 1)[0]
  })
  return { had, leaving }
}

/** What an interface was asked for with, in short; undefined for a Port of the user's own. Pure. */
export function requestOf(want: InstanceNetwork): string | undefined {
  if (want.portRef !== undefined) return undefined
  const { networkRef, subnetRef, ipAddress, macAddress, vnicType } = want
  const asked = [networkRef?.namespace, networkRef?.name, subnetRef?.name, ipAddress, macAddress, vnicType]
  return createHash('sha256')
    .update(JSON.stringify(asked.map((part) => part ?? '')))
    .digest('hex')
    .slice(0, 16)
}
