// SPDX-License-Identifier: Apache-2.0
/** What a profile says to filters and weighers, with Nova's defaults. */
export interface FilterSettings {
  maxInstancesPerHost: number
  maxIoOpsPerHost: number
  /** Nodes for these images alone, and the images for these nodes alone. */
  isolation?: Isolation
}

export interface Isolation {
  nodes: ReadonlySet<string>
  /** `namespace/name` of each. */
  images: ReadonlySet<string>
  /** The nodes take no other images, too. */
  restrict: boolean
}

export const DEFAULT_SETTINGS: FilterSettings = { maxInstancesPerHost: 50, maxIoOpsPerHost: 8 }

export function settingsOf({ settings = DEFAULT_SETTINGS }: { settings?: FilterSettings }): FilterSettings {
  return settings
}
