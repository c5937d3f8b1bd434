// SPDX-License-Identifier: Apache-2.0
import { deviceInstance } from './host-links.ts'
import { isPluggedAs, type DevicePort, type PortDriver } from './port-driver.ts'

/** Plugs a device that was just set up into the switch, unless it is plugged exactly so already and well. @throws when it is gone again */
export async function plugDevice(
  driver: PortDriver,
  want: Omit<DevicePort, 'type' | 'instance'>,
  { bootId, signal }: { bootId: string; signal: AbortSignal },
): Promise<void> {
  const instance = await deviceInstance(want.device, bootId)
  if (instance === undefined) throw new Error(`device ${want.device} disappeared while it was set up`)
  const port: DevicePort = { ...want, type: 'device', instance }
  const held = driver.find(want.kind, want.uid)
  if (!isPluggedAs(held, port) || held?.error !== undefined) await driver.plug(port, signal)
}
