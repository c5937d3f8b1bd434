// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { TransientError } from '../../../../lib/errors.ts'
import { OneAtATime } from '../../../../lib/one-at-a-time.ts'
import type { PacketRateDriver, RatedPort } from '../../packet-rate-driver.ts'
import { flowAddition, flowRemoval, flowsOfRequest, flowsToRequest } from './flow-tables.ts'
import { TYPE } from './message-types.ts'
import { listAll } from './multipart.ts'
import { metered, readMeteredFlows } from './metered-flows.ts'
import { meterChange, meterRemoval, metersRequest, readMeters } from './meters.ts'
import { openOpenFlow } from './openflow-connection.ts'
import { COOKIE, COOKIE_MASK, planRates, rateFlows } from './packet-rate-flows.ts'
import { INTEGRATION_BRIDGE } from './plug-plan.ts'

const TIMEOUT_MS = 5000

/** Packet rates by meters of Open vSwitch, which OVN has no rows for: of taps and vhost-user ports, in the kernel's datapath and the userspace one. */
export class OvsPacketRates implements PacketRateDriver {
  readonly #socket: string
  /** Each looks at what the one before it wrote. */
  readonly #turns = new OneAtATime()

  /** @param switchDir of the switch's sockets */
  constructor(switchDir: string) {
    this.#socket = join(switchDir, `${INTEGRATION_BRIDGE}.mgmt`)
  }

  ensure(ports: readonly RatedPort[], signal: AbortSignal): Promise<void> {
    const ensure = () => this.#ensure(ports, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]))
    return this.#turns.run(ensure).catch((error: unknown) => {
      signal.throwIfAborted()
      throw new TransientError('SwitchNotReady', 'the virtual switch of the node does not take packet rates', {
        cause: error,
      })
    })
  }

  async #ensure(ports: readonly RatedPort[], signal: AbortSignal): Promise<void> {
    const connection = await openOpenFlow(this.#socket, 6, signal)
    try {
      const wanted = []
      for (const port of ports) {
        const towards = port.ingress
          ? await listAll(connection, flowsToRequest(port.ofport), signal, readMeteredFlows)
          : []
        wanted.push(...rateFlows(port, towards))
      }
      const flows = await listAll(connection, flowsOfRequest(COOKIE, COOKIE_MASK), signal, readMeteredFlows)
      const changes = planRates(wanted, {
        flows,
        meters: await listAll(connection, metersRequest(), signal, readMeters),
      })
      for (const cookie of changes.removedFlows) connection.send(TYPE.flowMod, flowRemoval(cookie))
      for (const number of changes.removedMeters) connection.send(TYPE.meterMod, meterRemoval(number))
      for (const { command, number, rate } of changes.meters)
        connection.send(TYPE.meterMod, meterChange(command, number, rate))
      for (const { meter, ...flow } of changes.addedFlows)
        connection.send(TYPE.flowMod, flowAddition({ ...flow, actions: metered(meter, flow.actions) }))
      await connection.barrier(signal)
    } finally {
      connection.close()
    }
  }
}
