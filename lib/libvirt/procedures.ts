// SPDX-License-Identifier: Apache-2.0
// The calls that are used, by their numbers and argument order on the wire. The protocol only ever grows, so one table serves all
// releases from libvirt 9 on. Meaning of each: https://libvirt.org/html/libvirt-libvirt-domain.html
import { domainList, domainRef, nullableText, text, uuid } from './error.ts'
import { QEMU_PROGRAM } from './frame.ts'
import { typedParam } from './typed-param.ts'
import { array, fixedArray, int, struct, uhyper, uint, voidType, type Codec } from './xdr.ts'

export interface Procedure<A, R> {
  readonly name: string
  readonly number: number
  /** libvirt's own program when absent. */
  readonly program?: number
  readonly args: Codec<A>
  readonly result: Codec<R>
}

const call = <A, R>(name: string, number: number, args: Codec<A>, result: Codec<R>): Procedure<A, R> => ({
  name,
  number,
  args,
  result,
})

const onDomain = struct({ domain: domainRef })
const withFlags = struct({ domain: domainRef, flags: uint })
const withXml = struct({ domain: domainRef, xml: text, flags: uint })
const oneDomain = struct({ domain: domainRef })

export const procedures = {
  authList: call('AuthList', 66, voidType, struct({ types: array(int, 20) })),
  connectOpen: call('ConnectOpen', 1, struct({ uri: nullableText, flags: uint }), voidType),
  connectClose: call('ConnectClose', 2, voidType, voidType),
  getVersion: call('ConnectGetVersion', 4, voidType, struct({ version: uhyper })),
  getLibVersion: call('ConnectGetLibVersion', 157, voidType, struct({ version: uhyper })),
  // `model` is a C char array: each character takes a word of its own.
  nodeGetInfo: call(
    'NodeGetInfo',
    6,
    voidType,
    struct({
      model: fixedArray(int, 32),
      memoryKiB: uhyper,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  getCapabilities: call('ConnectGetCapabilities', 7, voidType, struct({ xml: text })),
  getDomainCapabilities: call(
    'ConnectGetDomainCapabilities',
    342,
    struct({ emulator: nullableText, arch: nullableText, machine: nullableText, virtType: nullableText, flags: uint }),
    struct({ xml: text }),
  ),
  listAllDomains: call(
    'ConnectListAllDomains',
    273,
    struct({ needResults: int, flags: uint }),
    struct({ domains: domainList, count: uint }),
  ),
  registerEvent: call(
    'ConnectDomainEventCallbackRegisterAny',
    316,
    struct({ eventId: int, domain: { encode: (w) => w.uint(0), decode: () => undefined } satisfies Codec<undefined> }),
    struct({ callbackId: int }),
  ),
  deregisterEvent: call('ConnectDomainEventCallbackDeregisterAny', 317, struct({ callbackId: int }), voidType),

  lookupByUuid: call('DomainLookupByUUID', 24, struct({ uuid }), oneDomain),
  lookupByName: call('DomainLookupByName', 23, struct({ name: text }), oneDomain),
  defineXml: call('DomainDefineXMLFlags', 350, struct({ xml: text, flags: uint }), oneDomain),
  /** Transient: gone when it stops. */
  createXml: call('DomainCreateXML', 10, struct({ xml: text, flags: uint }), oneDomain),
  create: call('DomainCreateWithFlags', 196, withFlags, oneDomain),
  destroy: call('DomainDestroyFlags', 234, withFlags, voidType),
  undefine: call('DomainUndefineFlags', 231, withFlags, voidType),
  shutdown: call('DomainShutdownFlags', 258, withFlags, voidType),
  reboot: call('DomainReboot', 27, withFlags, voidType),
  reset: call('DomainReset', 245, withFlags, voidType),
  injectNmi: call('DomainInjectNMI', 210, withFlags, voidType),
  /** By the guest's agent. */
  setUserPassword: call(
    'DomainSetUserPassword',
    357,
    struct({ domain: domainRef, user: nullableText, password: nullableText, flags: uint }),
    voidType,
  ),
  /** How long calls to the guest's agent may take, in seconds: -2 for ever. */
  agentSetResponseTimeout: call(
    'DomainAgentSetResponseTimeout',
    420,
    struct({ domain: domainRef, timeout: int, flags: uint }),
    struct({ result: int }),
  ),
  /** By the guest's agent; no mount points: all of them. */
  fsFreeze: call(
    'DomainFSFreeze',
    335,
    struct({ domain: domainRef, mountpoints: array(text, 256), flags: uint }),
    struct({ filesystems: int }),
  ),
  fsThaw: call(
    'DomainFSThaw',
    336,
    struct({ domain: domainRef, mountpoints: array(text, 256), flags: uint }),
    struct({ filesystems: int }),
  ),
  backupBegin: call(
    'DomainBackupBegin',
    421,
    struct({ domain: domainRef, backup: text, checkpoint: nullableText, flags: uint }),
    voidType,
  ),
  getJobStats: call(
    'DomainGetJobStats',
    298,
    struct({ domain: domainRef, flags: uint }),
    struct({ type: int, params: array(typedParam, 128) }),
  ),
  abortJob: call('DomainAbortJob', 164, onDomain, voidType),
  suspend: call('DomainSuspend', 34, onDomain, voidType),
  resume: call('DomainResume', 28, onDomain, voidType),
  /** Out of S3 or S4. */
  wakeUp: call('DomainPMWakeup', 267, withFlags, voidType),
  managedSave: call('DomainManagedSave', 182, withFlags, voidType),
  hasManagedSave: call('DomainHasManagedSaveImage', 183, withFlags, struct({ result: int })),
  removeManagedSave: call('DomainManagedSaveRemove', 184, withFlags, voidType),
  setAutostart: call('DomainSetAutostart', 29, struct({ domain: domainRef, autostart: int }), voidType),

  getXml: call('DomainGetXMLDesc', 14, withFlags, struct({ xml: text })),
  getState: call('DomainGetState', 212, withFlags, struct({ state: int, reason: int })),
  getInfo: call(
    'DomainGetInfo',
    16,
    onDomain,
    struct({ state: uint, maxMemoryKiB: uhyper, memoryKiB: uhyper, vcpus: uint, cpuTimeNs: uhyper }),
  ),
  memoryStats: call(
    'DomainMemoryStats',
    159,
    struct({ domain: domainRef, maxStats: uint, flags: uint }),
    struct({ stats: array(struct({ tag: int, value: uhyper }), 1024) }),
  ),
  blockInfo: call(
    'DomainGetBlockInfo',
    194,
    struct({ domain: domainRef, path: text, flags: uint }),
    struct({ allocation: uhyper, capacity: uhyper, physical: uhyper }),
  ),
  blockResize: call(
    'DomainBlockResize',
    251,
    struct({ domain: domainRef, disk: text, size: uhyper, flags: uint }),
    voidType,
  ),
  /** QEMU's driver only, and never for a change: libvirt does not know what was done, and marks the domain as tainted. */
  qemuMonitorCommand: {
    ...call(
      'QemuDomainMonitorCommand',
      1,
      struct({ domain: domainRef, command: text, flags: uint }),
      struct({ result: text }),
    ),
    program: QEMU_PROGRAM,
  },
  attachDevice: call('DomainAttachDeviceFlags', 160, withXml, voidType),
  detachDevice: call('DomainDetachDeviceFlags', 161, withXml, voidType),
  setMetadata: call(
    'DomainSetMetadata',
    264,
    struct({ domain: domainRef, type: int, metadata: nullableText, key: nullableText, uri: nullableText, flags: uint }),
    voidType,
  ),
  getMetadata: call(
    'DomainGetMetadata',
    265,
    struct({ domain: domainRef, type: int, uri: nullableText, flags: uint }),
    struct({ metadata: text }),
  ),
  /** Opens a stream under the call's serial number. */
  openConsole: call(
    'DomainOpenConsole',
    201,
    struct({ domain: domainRef, device: nullableText, flags: uint }),
    voidType,
  ),
} as const

export type Procedures = typeof procedures
export type ArgsOf<P> = P extends { args: Codec<infer A> } ? A : never
export type ResultOf<P> = P extends { result: Codec<infer R> } ? R : never
