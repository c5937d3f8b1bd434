// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import type { InstanceWant, NicWant } from '../instance-driver.ts'

/** A small machine for tests. */
export function instanceWant(overrides: Partial<InstanceWant> = {}): InstanceWant {
  return {
    uid: randomUUID(),
    epoch: 1,
    namespace: 'team-a',
    name: 'vm1',
    hostname: 'vm1',
    vcpus: 1,
    memoryMiB: 128,
    requireKvm: false,
    root: { sha256: '0'.repeat(64), format: 'raw', sizeBytes: 64 * 2 ** 20 },
    ephemeralGiB: 0,
    swapMiB: 0,
    properties: {},
    nics: [],
    ports: (overrides.nics ?? []).map(({ portUid }) => portUid),
    volumes: [],
    ...overrides,
  }
}

export function nicWant(overrides: Partial<NicWant> = {}): NicWant {
  return {
    portUid: randomUUID(),
    slot: 0,
    mac: 'fa:16:3e:12:34:56',
    networkUid: randomUUID(),
    addresses: ['10.0.0.2'],
    mtu: 1442,
    vnicType: 'normal',
    ...overrides,
  }
}
