// SPDX-License-Identifier: Apache-2.0
// What projects need to be reached from outside: the cloud's external network, and rules that let everybody in.
import { EXTERNAL_NETWORK } from '../../local/cloud/external-network.ts'

/** The external Network of every local cloud, as a reference. */
export const PUBLIC = { networkRef: { namespace: EXTERNAL_NETWORK, name: EXTERNAL_NETWORK } }

/** Of a SecurityGroup: http, ssh and ping from everywhere. */
export const FROM_EVERYWHERE = {
  rules: [
    ...[22, 80].map((port) => ({ direction: 'ingress', protocol: 'tcp', portRangeMin: port, portRangeMax: port })),
    { direction: 'ingress', protocol: 'icmp' },
  ],
}
