// SPDX-License-Identifier: Apache-2.0

/** Which chassis may claim a port, as its row says. */
export interface PortRequest {
  /** The chassis that may claim the port. */
  node: string | undefined
  /** Others that may, of a router's gateway. */
  standby?: readonly string[]
  /** The chassis that could claim it before and has not released it yet. */
  former: string | undefined
  /** Further ones, of a router's gateway. */
  formers?: readonly string[]
}
