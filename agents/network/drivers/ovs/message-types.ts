// SPDX-License-Identifier: Apache-2.0

/** Of OpenFlow 1.3 and later (ONF TS-006, A.1). */
export const TYPE = {
  ...{ experimenter: 4, setConfig: 9, packetIn: 10, packetOut: 13, flowMod: 14 },
  ...{ multipartRequest: 18, multipartReply: 19, meterMod: 29 },
} as const
