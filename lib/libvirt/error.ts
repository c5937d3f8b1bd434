// SPDX-License-Identifier: Apache-2.0
import { array, int, opaque, optional, string, struct, type Decoded } from './xdr.ts'

const STRING_MAX = 4 * 1024 * 1024
export const text = string(STRING_MAX)
export const nullableText = optional(text)
export const uuid = opaque(16)

/** How the protocol names a domain; `id` is -1 while it does not run. */
export const domainRef = struct({ name: text, uuid, id: int })
export type DomainRef = Decoded<typeof domainRef>
export const domainList = array(domainRef, 16384)

const networkRef = struct({ name: text, uuid })
export const remoteError = struct({
  code: int,
  domain: int,
  message: nullableText,
  level: int,
  subject: optional(domainRef),
  str1: nullableText,
  str2: nullableText,
  str3: nullableText,
  int1: int,
  int2: int,
  network: optional(networkRef),
})

/** The codes that callers tell apart: virErrorNumber in https://libvirt.org/html/libvirt-virterror.html */
export const ErrorCode = {
  internal: 1,
  noSupport: 3,
  invalidArgument: 8,
  operationFailed: 9,
  xml: 27,
  xmlDetail: 35,
  system: 38,
  rpc: 39,
  noDomain: 42,
  operationInvalid: 55,
  configUnsupported: 67,
  operationTimeout: 68,
  argumentUnsupported: 74,
  operationAborted: 78,
  noDomainMetadata: 80,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  xmlInvalidSchema: 92,
  agentUnsynced: 97,
  deviceMissing: 99,
  agentCommandTimeout: 112,
} as const

/** What libvirt answered instead of a result; `code` and `domain` are its own numbers (virErrorNumber, virErrorDomain). */
export class LibvirtError extends Error {
  readonly code: number
  readonly domain: number
  readonly procedure: string
  constructor(procedure: string, error: { code: number; domain: number; message: string | undefined }) {
    super(error.message ?? `libvirt error ${error.code}`)
    this.name = 'LibvirtError'
    this.code = error.code
    this.domain = error.domain
    this.procedure = procedure
  }
}

/** The connection is gone, or was never made: always worth a retry. The request may or may not have been carried out. */
export class LibvirtDisconnected extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LibvirtDisconnected'
  }
}

/** The call was not sent: other calls hold every place. */
export class LibvirtBusy extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'LibvirtBusy'
  }
}

const hasCode = (error: unknown, ...codes: number[]): boolean =>
  error instanceof LibvirtError && codes.includes(error.code)

export const isNoDomain = (error: unknown): boolean => hasCode(error, ErrorCode.noDomain)
/** The domain's state does not allow it, such as destroying one that does not run. */
export const isOperationInvalid = (error: unknown): boolean => hasCode(error, ErrorCode.operationInvalid)
/** It has no code of its own. */
export const isConsoleTaken = (error: unknown): boolean =>
  hasCode(error, ErrorCode.operationFailed) && /console session exists/i.test((error as LibvirtError).message)
export const isNoMetadata = (error: unknown): boolean => hasCode(error, ErrorCode.noDomainMetadata)
export const isDeviceMissing = (error: unknown): boolean => hasCode(error, ErrorCode.deviceMissing)
/** The request itself is wrong: repeating it never succeeds. */
export const isInvalidRequest = (error: unknown): boolean =>
  hasCode(error, ErrorCode.xml, ErrorCode.xmlDetail, ErrorCode.xmlInvalidSchema)
export const isUnsupported = (error: unknown): boolean =>
  hasCode(error, ErrorCode.noSupport, ErrorCode.operationUnsupported, ErrorCode.configUnsupported)
export const isBusy = (error: unknown): boolean => error instanceof LibvirtBusy
export const isDisconnected = (error: unknown): boolean => error instanceof LibvirtDisconnected
/** Another call holds the domain, usually because its QEMU does not answer: libvirt gave up waiting, or we did. */
export const isUnanswered = (error: unknown): boolean => hasCode(error, ErrorCode.operationTimeout) || isTimeout(error)
/** What AbortSignal.timeout aborts with; by shape, as for all errors that may come from another realm. */
function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'TimeoutError'
}
/** The domain has no free slot for a device: libvirt has no error code of its own for it. */
export const isOutOfSlots = (error: unknown): boolean =>
  error instanceof LibvirtError && /no more available pci|no free pci/i.test(error.message)
/** The guest was asked to release a device and has not done so yet. */
export const isUnplugPending = (error: unknown): boolean =>
  error instanceof LibvirtError && error.message.includes('in the process of unplug')
