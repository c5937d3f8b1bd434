// SPDX-License-Identifier: Apache-2.0
// What every node needs, whatever its roles.
import { missing, ok, warning, type Finding } from './finding.ts'
import type { Host } from './host.ts'

export interface FolderFacts {
  state: { isRoots: boolean; mode: number } | undefined
  stateOn: { type: number; freeGiB: number } | undefined
  runOn: { type: number } | undefined
  processes: ReadonlySet<string>
}

const STATE = '/var/lib/nephele'
/** statfs(2). */
const IN_MEMORY = [0x01021994, 0x858458f6]
const LITTLE_GIB = 10
/** As the kernel cuts their names. */
const CLOCKS = ['chronyd', 'ntpd', 'systemd-timesyn', 'openntpd', 'phc2sys']

export async function readFolders(host: Host): Promise<FolderFacts> {
  const state = await host.stat(STATE)
  return {
    state: state && { isRoots: state.uid === 0, mode: state.mode & 0o777 },
    stateOn: await host.fileSystem(state ? STATE : '/var/lib'),
    runOn: await host.fileSystem('/run'),
    processes: await host.listProcesses(),
  }
}

/** Pure. */
export function judgeFolders({ state, stateOn, runOn, processes }: FolderFacts): Finding[] {
  const isPassing = IN_MEMORY.includes(stateOn?.type ?? 0)
  const hasClock = CLOCKS.some((name) => processes.has(name))
  return [
    !state
      ? warning(
          `${STATE} is not there yet`,
          `install -d -m 711 ${STATE}: the agent makes it otherwise, on this file system`,
        )
      : !state.isRoots || (state.mode & 0o022) !== 0
        ? missing(`${STATE} may be written by others than root`, `chown root:root ${STATE} && chmod 711 ${STATE}`)
        : ok(`${STATE} is root's`),
    isPassing
      ? missing(`${STATE} is in memory, and empty after a reboot`, 'put it on a disk: it has machines and their disks')
      : ok(`${STATE} survives a reboot`),
    (stateOn?.freeGiB ?? 0) < LITTLE_GIB
      ? warning(
          `${(stateOn?.freeGiB ?? 0).toFixed(1)} GiB are free for disks and images`,
          `give ${STATE} a file system of its own, or machines find no room here`,
        )
      : ok(`${Math.floor(stateOn?.freeGiB ?? 0)} GiB are free for disks and images`),
    IN_MEMORY.includes(runOn?.type ?? 0)
      ? ok('/run is empty after a reboot')
      : missing('/run is kept over a reboot', 'mount a tmpfs there: what was running before is believed otherwise'),
    hasClock
      ? ok('the clock is kept right')
      : warning(
          'nothing keeps the clock right',
          'install chrony: certificates and leases compare times of several hosts',
        ),
  ]
}
