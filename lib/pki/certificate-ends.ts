// SPDX-License-Identifier: Apache-2.0

/**
 * ConfigMap in the operator's namespace: of each authority and server certificate that bootstrap keeps, by the name of its Secret, when it
 * ends (RFC 3339). It lets the operator see which server still shows an older one, without a right to the Secrets, and people see it too.
 */
export const CERTIFICATE_ENDS = 'nephele-certificates'
/** The Secrets of what NATS servers show to clients, and to each other. */
export const BUS_CERTIFICATES = { clients: 'nephele-nats-tls', routes: 'nephele-nats-routes-tls' } as const
