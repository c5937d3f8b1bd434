// SPDX-License-Identifier: Apache-2.0

/**
 * Reasons (docs/troubleshooting.md) that whoever wrote the resource, the image, or the guest itself has to mend, and no administrator:
 * anyone may cause as many of them as they like, so they set off no alert. What libvirt, a pool or a node refuses is not among them.
 */
export const USER_FAULTS: ReadonlySet<string> = new Set([
  ...['AddressDerived', 'AddressOutsideSubnet', 'AddressReserved', 'MACReserved', 'NotNetworkOwner'],
  ...[
    'AdminPasswordInvalid',
    'ConsoleTaken',
    'GuestAgentTimeout',
    'GuestRefused',
    'InstanceNotRunning',
    'MachineOff',
    'NoGraphics',
  ],
  ...['Crashed', 'NoGuestAgent', 'TooManyVolumes', 'UserDataTooLarge', 'VolumeCannotShrink', 'VolumeFormatMismatch'],
  ...['DownloadTooSlow', 'ImageDigestMismatch', 'ImageFormatMismatch', 'ImageInspectionTimedOut', 'ImageNotFound'],
  ...['ImageSourceRefused', 'ImageSourceUnavailable', 'ImageTooLarge', 'ImageUnsafe', 'UnsupportedArchitecture'],
  ...['FlavorTooSmall', 'InvalidNUMATopology', 'UnsupportedProperty'],
])

/** Whether what was thrown has such a reason. */
export function isUserFault(error: unknown): boolean {
  return (
    error instanceof Error && 'reason' in error && typeof error.reason === 'string' && USER_FAULTS.has(error.reason)
  )
}
