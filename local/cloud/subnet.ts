// SPDX-License-Identifier: Apache-2.0
// Two clouds that start at the same time must not choose the same addresses: until one of them has its interface, a file says so.
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { chooseSubnet } from './definition.ts'
import { tryLock } from './state.ts'

export interface SubnetClaim {
  subnet: number
  /** Once the cloud's interface is there, or the start has failed. */
  release: () => void
}

/** @param dir one for the machine, whatever the clouds' state folders are @throws when every subnet is taken */
export async function claimSubnet(dir = '/run', findAddresses = addressesInUse): Promise<SubnetClaim> {
  const claimed: string[] = []
  for (;;) {
    const subnet = chooseSubnet([...claimed, ...(await findAddresses())])
    const lock = tryLock(join(dir, `nephele-subnet-${subnet}.lock`))
    if (lock.ok) {
      // Whoever held it a moment ago may have made its interface since we looked.
      if (chooseSubnet([...claimed, ...(await findAddresses())]) === subnet) return { subnet, release: lock.unlock }
      lock.unlock()
    } else {
      claimed.push(`10.98.${subnet}.0`)
    }
  }
}

async function addressesInUse(): Promise<string[]> {
  const { stdout } = await exec(['ip', '-j', 'address'], { timeoutMs: 10_000 })
  const interfaces = JSON.parse(stdout) as { addr_info?: { local?: string }[] }[]
  return interfaces.flatMap((i) => i.addr_info ?? []).flatMap((a) => a.local ?? [])
}
