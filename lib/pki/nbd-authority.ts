// SPDX-License-Identifier: Apache-2.0

/**
 * The authority of the credentials that volumes are opened and served with (docs/decisions/0016). Its life is longer than any guest's: a
 * guest that outlived it would lose its volumes at the next reconnection.
 */
export const NBD_AUTHORITY = { secret: 'nephele-nbd-ca', commonName: 'Nephele volumes', days: 30 * 365 } as const
