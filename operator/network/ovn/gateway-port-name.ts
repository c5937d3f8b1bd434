// SPDX-License-Identifier: Apache-2.0
const [BEFORE, AFTER] = ['router-', '-gateway'] as const

/** Of a router's port on its external network. */
export function gatewayPortName(routerUid: string): string {
  return `${BEFORE}${routerUid}${AFTER}`
}

/** UID of the router whose gateway's port has this name. */
export function routerOfGatewayPort(name: string): string | undefined {
  return name.startsWith(BEFORE) && name.endsWith(AFTER) ? name.slice(BEFORE.length, -AFTER.length) : undefined
}
