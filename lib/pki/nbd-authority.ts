// SPDX-License-Identifier: Apache-2.0

/**
 * Who signs what volumes are opened and served with (docs/decisions/0016). It outlives every guest: one that runs longer than it loses
 * its volumes when their connection ends next.
 */
export const NBD_AUTHORITY = { secret: 'nephele-nbd-ca', commonName: 'Nephele volumes', days: 30 * 365 } as const
