// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import {
  ADDRESS_SCOPE,
  FLAVOR,
  FLOATING_IP,
  IMAGE,
  INSTANCE,
  KEY_PAIR,
  LOAD_BALANCER,
  NAMESPACE,
  NETWORK,
  PORT,
  ROUTER,
  SECURITY_GROUP,
  STORAGE_POOL,
  SUBNET,
  TRUNK,
  SUBNET_POOL,
  VOLUME,
  VOLUME_TYPE,
  VPN_CONNECTION,
  VPN_SERVICE,
} from '../../lib/api/kinds.ts'
import type { Image, Instance, Network, Port, Volume } from '../../lib/api/types.ts'
import { ensureKey } from '../../local/commands/ssh.ts'
import { isAlreadyExists, isNotFound } from '../../lib/kube/errors.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { consoleText } from './console.ts'
import { openTestCloud, type TestCloud } from './cloud.ts'
import { GuestDoor } from './guest-door.ts'
import { leftovers, logicalLeftovers } from './leftovers.ts'
import { lastBoot, parseMarks, type Mark } from './marks.ts'
import * as draft from './objects.ts'
import { waitForGone, waitForReady, waitUntilTrue } from './wait.ts'

type Draft = ReturnType<typeof draft.instance>

/** Of the specs of an Instance or a Port: on the network that `Project.create` and `bootGuests` make. */
export const ON_NET = { networks: [{ networkRef: { name: 'net' } }] }

export interface ProjectOptions {
  /** The image `guest`; default true. */
  withImage?: boolean
  /** The range of a network `net` with a subnet of the same name; absent: there is none. */
  net?: string
}

/** A namespace of its own for one test file, and what tests do in it. */
export class Project {
  readonly namespace: string
  readonly test: TestCloud
  /** Of everything that was created: what must be nowhere once it is deleted. */
  readonly uids: string[] = []
  readonly #clusterWide: { kind: ResourceKind; name: string }[] = []
  readonly #doors: GuestDoor[] = []

  private constructor(test: TestCloud, namespace: string) {
    this.test = test
    this.namespace = namespace
  }

  /** With the flavor `small`, the pool and type `files`, and, unless told otherwise, the image `guest`. */
  static async create(name: string, { withImage = true, net }: ProjectOptions = {}): Promise<Project> {
    const test = openTestCloud()
    const project = new Project(test, `${name}-${randomBytes(3).toString('hex')}`)
    await ensureShared(test)
    await test.client.create(NAMESPACE, { metadata: { name: project.namespace } })
    if (withImage) {
      await project.create(IMAGE, draft.image(project.at('guest'), test.guestImage))
      await waitForReady<Image>(test.client, IMAGE, project.at('guest'))
    }
    if (net !== undefined) await project.createNetwork('net', net)
    return project
  }

  /** What the namespace's owner does who wants marked Secrets to be user data. */
  async allowUserData(): Promise<void> {
    const role = ['nephele-user-data', '--clusterrole=nephele-user-data']
    const account = '--serviceaccount=nephele-system:nephele-operator'
    await this.test.cloud.kubectl(['create', 'rolebinding', '-n', this.namespace, ...role, account])
  }

  at(name: string): { namespace: string; name: string } {
    return { namespace: this.namespace, name }
  }

  async create<T extends KubeObject>(kind: ResourceKind, object: Draft): Promise<T> {
    const created = await this.test.client.create(kind, object)
    this.uids.push(created.metadata.uid)
    return created as T
  }

  /** A cluster-wide object under a name of this project's own; `destroy` removes it with the namespace. */
  async createClusterWide<T extends KubeObject>(
    kind: ResourceKind,
    suffix: string,
    spec: object,
  ): Promise<T & { metadata: { name: string } }> {
    const name = `${this.namespace}-${suffix}`
    const created = await this.test.client.create(kind, { metadata: { name }, spec })
    this.#clusterWide.push({ kind, name })
    return created as T
  }

  async createNetwork(name: string, cidr: string, spec: { network?: object; subnet?: object } = {}): Promise<void> {
    await this.create<Network>(NETWORK, draft.network(this.at(name), spec.network))
    await this.create(SUBNET, draft.subnet(this.at(name), name, cidr, spec.subnet))
    await waitForReady(this.test.client, SUBNET, this.at(name))
  }

  createInstance(name: string, spec: object = {}): Promise<Instance> {
    return this.create<Instance>(INSTANCE, draft.instance(this.at(name), spec))
  }

  createVolume(name: string, sizeGiB = 1): Promise<Volume> {
    return this.create<Volume>(VOLUME, draft.volume(this.at(name), sizeGiB, { volumeTypeRef: { name: 'files' } }))
  }

  /** A machine that is ACTIVE; its guest may still be on its way to the login. */
  async boot(name: string, spec: object = {}): Promise<Instance> {
    await this.createInstance(name, spec)
    return this.waitActive(name)
  }

  /**
   * ACTIVE machines on network `net`, which take the door's key, and a door to them that `destroy` closes.
   * @param specs by the machines' names, in the order in which they are made
   */
  async bootGuests<Name extends string>(
    specs: Readonly<Record<Name, object>>,
    portSpec: object = {},
  ): Promise<Record<Name, Instance> & { door: GuestDoor }> {
    await this.createDoorKey()
    const names = Object.keys(specs) as Name[]
    for (const name of names)
      await this.createInstance(name, { ...ON_NET, keyPairRef: { name: 'door' }, ...specs[name] })
    const door = await this.openDoor(portSpec)
    const machines = await Promise.all(names.map(async (name) => [name, await this.waitActive(name)] as const))
    return { ...(Object.fromEntries(machines) as Record<Name, Instance>), door }
  }

  /** The KeyPair `door`, whose key `GuestDoor.ssh` has. */
  async createDoorKey(): Promise<void> {
    await this.create(KEY_PAIR, draft.keyPair(this.at('door'), await ensureKey(this.test.cloud)))
  }

  /**
   * Another host on network `net`, closed by `destroy`.
   * @param portSpec of its Port, such as its security groups
   * @param node that it is plugged on; absent: the network node
   */
  async openDoor(
    portSpec: object = {},
    network: Parameters<typeof GuestDoor.open>[1] = 'net',
    node?: string,
  ): Promise<GuestDoor> {
    const door = await GuestDoor.open(this, network, portSpec, node)
    this.#doors.push(door)
    return door
  }

  get(name: string): Promise<Instance> {
    return this.test.client.get<Instance>(INSTANCE, this.at(name))
  }

  /** Ready=True of the newest generation; for a running machine that is ACTIVE. */
  waitActive(name: string, timeoutMs = 90_000): Promise<Instance> {
    return waitForReady<Instance>(this.test.client, INSTANCE, this.at(name), timeoutMs)
  }

  patch(kind: ResourceKind, name: string, patch: object): Promise<KubeObject> {
    return this.test.client.mergePatch(kind, this.at(name), patch)
  }

  /** Deletes and waits until the object is gone. */
  async remove(kind: ResourceKind, name: string, timeoutMs = 60_000): Promise<void> {
    await this.test.client.remove(kind, this.at(name))
    await waitForGone(this.test.client, kind, this.at(name), timeoutMs)
  }

  /** What the guest printed since its last boot. */
  async marks(name: string): Promise<Mark[]> {
    return lastBoot(parseMarks(consoleText(this.test.cloud, await this.get(name))))
  }

  /** The same, once `what` is among it; with notBoot: of another boot than that. */
  async waitForMark(
    name: string,
    what: string,
    { notBoot, timeoutMs = 60_000 }: { notBoot?: string; timeoutMs?: number } = {},
  ): Promise<Mark[]> {
    const instance = await this.get(name)
    return waitUntilTrue(
      `MARK ${what} of ${name}`,
      () => {
        const marks = lastBoot(parseMarks(consoleText(this.test.cloud, instance)))
        return marks[0]?.rest !== notBoot && marks.some((m) => m.what === what) ? marks : undefined
      },
      timeoutMs,
    )
  }

  /** The Port of a machine with one interface. A machine does not wait for what its Port's status says. */
  waitForPortOf(machine: string): Promise<Port> {
    return waitUntilTrue(`the Port of Instance ${machine}`, async () => {
      const ports = await this.test.client.list<Port>(PORT, { namespace: this.namespace })
      return ports.find((port) => port.status?.instance?.name === machine)
    })
  }

  /** Automatic ports carry uids of their own. */
  async rememberPorts(): Promise<void> {
    for (const port of await this.test.client.list<Port>(PORT, { namespace: this.namespace })) {
      if (!this.uids.includes(port.metadata.uid)) this.uids.push(port.metadata.uid)
    }
  }

  /** Everything that a deleted project left anywhere: domains, taps, ports, files, processes, logical rows. */
  async findLeftovers(): Promise<string[]> {
    const { cloud, computeNodes, networkNode } = this.test
    const lists = await Promise.all([
      ...[...computeNodes, networkNode].map((name) => leftovers(cloud.node(name), this.uids)),
      logicalLeftovers(cloud.node(networkNode), this.uids),
    ])
    return lists.flat()
  }

  /** One that the test removed itself is gone already. */
  async #removeClusterWide(kind: ResourceKind, name: string): Promise<void> {
    try {
      await this.test.client.remove(kind, { name })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    await waitForGone(this.test.client, kind, { name })
  }

  /** Deletes everything in the order that a namespace's end would not keep, and then the namespace. */
  async destroy(): Promise<void> {
    const { client } = this.test
    await Promise.all(this.#doors.map((door) => door.close()))
    await this.rememberPorts()
    for (const kinds of [
      [FLOATING_IP, LOAD_BALANCER, TRUNK, VPN_CONNECTION],
      [VPN_SERVICE],
      [INSTANCE, ROUTER],
      [VOLUME, PORT],
      [SUBNET, IMAGE, SECURITY_GROUP],
      [NETWORK, SUBNET_POOL],
      [ADDRESS_SCOPE],
    ]) {
      const all = await Promise.all(
        kinds.map(async (kind) =>
          (await client.list(kind, { namespace: this.namespace }))
            // The default group comes again as long as there is a namespace.
            .filter(({ metadata }) => kind !== SECURITY_GROUP || metadata.name !== 'default')
            .map((o) => ({ kind, name: o.metadata.name })),
        ),
      )
      await Promise.all(all.flat().map(({ kind, name }) => this.remove(kind, name, 90_000)))
    }
    await client.remove(NAMESPACE, { name: this.namespace })
    for (const { kind, name } of this.#clusterWide.reverse()) await this.#removeClusterWide(kind, name)
  }
}

/** Cluster-wide objects that all projects use. */
async function ensureShared({ client }: TestCloud): Promise<void> {
  const ensure = async (kind: ResourceKind, name: string, spec: object) => {
    try {
      await client.create(kind, { metadata: { name }, spec })
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
  }
  await ensure(FLAVOR, 'small', { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 })
  await ensure(STORAGE_POOL, 'files', { driver: 'file', file: {} })
  await ensure(VOLUME_TYPE, 'files', { storagePoolRef: { name: 'files' }, default: true })
}
