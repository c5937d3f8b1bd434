// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import { parseCpuList } from '../../lib/cpu-list.ts'
import { DEFAULT_RESERVED, type Reserved } from '../../lib/node-room.ts'
import { within } from '../../lib/within.ts'
import { configDriveFiles } from '../metadata/content.ts'
import type { AgentRole, InventorySource, RoleContext } from '../node/role.ts'
import { Consoles } from '../compute/consoles/consoles.ts'
import { LOG_BYTES, toLogStream } from '../compute/consoles/log-stream.ts'
import { UsedAccesses } from '../compute/consoles/used-accesses.ts'
import { readCapacity } from '../compute/capacity.ts'
import { listHostCells } from '../compute/host-cells.ts'
import type { InstanceDriver } from '../compute/instance-driver.ts'
import { FakeInstanceDriver } from '../compute/drivers/fake/fake-instance-driver.ts'
import { LibvirtInstanceDriver } from '../compute/drivers/libvirt/libvirt-instance-driver.ts'
import { systemdStopping } from '../compute/host-stopping.ts'
import { computeDir } from '../compute/paths.ts'
import { InstanceReconciler } from '../compute/instance-reconciler.ts'
import { steadyClock } from '../compute/steady-clock.ts'

/** Time limit for a probe whose answer is usually cached. */
const PROBE_MS = 60_000

/** libvirtd's socket and URI. */
const LIBVIRT = { socketPath: '/run/libvirt/libvirt-sock', uri: 'qemu:///system' }

/** The compute role of a node; the node's document says which driver it uses. */
export function createComputeRole(context: RoleContext): AgentRole {
  const paths = { dataDir: context.stateDir, runDir: context.runDir }
  const ready = Promise.withResolvers<InstanceDriver>()
  let driver: InstanceDriver | undefined
  let reserved: Reserved = DEFAULT_RESERVED
  let dedicatedCpus: number[] = []
  let reservedHugepages: NodeSpec['reservedHugepages']
  const readCells = () =>
    listHostCells({
      ...{ dedicatedCpus, polled: context.hostSwitch.pmdCpus ?? [] },
      reserved: reservedHugepages ?? [],
    })

  const inventory: InventorySource = {
    name: 'compute',
    async collect(signal) {
      if (!driver) return {}
      const cells = await readCells()
      return {
        dedicatedCpus: cells.flatMap((cell) => [...cell.dedicatedCpus]),
        hypervisor: { ...(await driver.probe(signal)) },
      }
    },
  }
  const consoles = new Consoles({
    ...{ node: context.node, log: context.log },
    say: (subject, data) => context.say(subject, data),
    listen: (subject, heard) => context.listen(subject, heard),
    used: new UsedAccesses(join(computeDir(paths), 'consoles')),
    open: async (machine, { type, force }, signal) => {
      const current = await within(ready.promise, { signal })
      if (type === 'VNC') return current.openGraphics(machine, signal)
      if (type === 'Log') return toLogStream(await current.readConsoleLog(machine, LOG_BYTES))
      return current.openConsole(machine, signal, { force })
    },
  })
  const reconciler = new InstanceReconciler({
    paths,
    driver: { current: () => driver, ready: ready.promise },
    configDriveFiles: (instance, ports) =>
      [...configDriveFiles({ instance, ports })].map(([path, content]) => ({ path, content })),
    isHostStopping: systemdStopping(context.log),
    sealing: context.sealing,
    consoles,
    ...(context.imageServer ? { imageServer: context.imageServer } : {}),
    nowMs: steadyClock(context.runDir, context.bootId),
    readCapacity: async (uids) => {
      if (driver?.name !== 'libvirt') return undefined
      const { acceleration } = await driver.probe(AbortSignal.timeout(PROBE_MS))
      return readCapacity(paths, { reserved, isEmulated: acceleration !== 'kvm', readCells }, uids)
    },
  })
  return {
    name: 'compute',
    reconcilers: [reconciler],
    inventory: [inventory],
    async configure(spec: NodeSpec) {
      reserved = spec.reserved ?? DEFAULT_RESERVED
      reservedHugepages = spec.reservedHugepages
      const cpus = parseCpuList(spec.dedicatedCpus ?? '')
      const isChanged = !isDeepStrictEqual(cpus, dedicatedCpus)
      dedicatedCpus = cpus
      if (isChanged) context.inventoryChanged()
      const wanted = spec.roles.compute
      if (wanted === undefined || driver?.name === wanted) return
      if (driver) throw new Error(`the compute driver changes from ${driver.name} to ${wanted}: restart the agent`)
      driver = context.metrics.measure(wanted, createDriver(wanted, context, readCells))
      ready.resolve(driver)
      context.inventoryChanged()
    },
    async stop() {
      consoles.stop()
      // A guest that is frozen is thawed by this connection.
      await reconciler.stop()
      if (driver instanceof LibvirtInstanceDriver) driver.close()
    },
  }
}

function createDriver(
  kind: 'libvirt' | 'kubevirt' | 'fake',
  context: RoleContext,
  readCells: () => ReturnType<typeof listHostCells>,
): InstanceDriver {
  switch (kind) {
    case 'libvirt': {
      const paths = { dataDir: context.stateDir, runDir: context.runDir }
      const { bootId, nbd, identity, nbdReconnectSeconds, hostSwitch } = context
      return new LibvirtInstanceDriver({
        ...LIBVIRT,
        ...{ paths, bootId, credentials: { nbd, identity }, hostSwitch, nbdReconnectSeconds },
        readCells,
      })
    }
    case 'fake':
      return new FakeInstanceDriver()
    case 'kubevirt':
      throw new Error('this agent has no driver for KubeVirt')
    default:
      return kind satisfies never
  }
}
