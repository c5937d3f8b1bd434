// SPDX-License-Identifier: Apache-2.0
// The numbers of libvirt's public API that are used: https://libvirt.org/html/libvirt-libvirt-domain.html

export const DomainState = {
  none: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  /** Shutting down, but still running. */
  shutdown: 4,
  shutoff: 5,
  crashed: 6,
  pmSuspended: 7,
} as const

/** Why a domain is shut off. `unknown` after the daemon restarted: it does not keep the reason. */
export const ShutoffReason = {
  unknown: 0,
  shutdown: 1,
  destroyed: 2,
  crashed: 3,
  migrated: 4,
  saved: 5,
  failed: 6,
  fromSnapshot: 7,
  daemon: 8,
} as const

export const PausedReason = { unknown: 0, user: 1, ioError: 5, shuttingDown: 8, startingUp: 11 } as const

export const Affect = { live: 1, config: 2 } as const
export const Start = { paused: 1, autodestroy: 2, bypassCache: 4, forceBoot: 8 } as const
export const Shutdown = { default: 0, acpi: 1, guestAgent: 2 } as const
export const Undefine = {
  managedSave: 1,
  snapshotsMetadata: 2,
  nvram: 4,
  keepNvram: 8,
  checkpointsMetadata: 16,
  tpm: 32,
} as const
export const XmlFlag = { secure: 1, inactive: 2 } as const
export const Define = { validate: 1 } as const
export const BlockResize = { bytes: 1 } as const
export const MonitorCommand = { human: 1 } as const
export const Save = { running: 2, paused: 4 } as const
export const Console = { force: 1, safe: 2 } as const
/** virDomainJobType and virDomainGetJobStatsFlags */
export const JobType = { none: 0, bounded: 1, unbounded: 2, completed: 3, failed: 4, cancelled: 5 } as const
export const JobStats = { completed: 1, keepCompleted: 2 } as const
export const METADATA_ELEMENT = 2

export const MemoryStat = {
  swapIn: 0,
  swapOut: 1,
  unused: 4,
  available: 5,
  actualBalloon: 6,
  rss: 7,
  usable: 8,
} as const
