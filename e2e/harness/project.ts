// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import {
  FLAVOR,
  IMAGE,
  INSTANCE,
  NAMESPACE,
  NETWORK,
  PORT,
  STORAGE_POOL,
  SUBNET,
  VOLUME,
  VOLUME_TYPE,
} from '../../lib/api/kinds.ts'
import type { Image, Instance, Network, Port, Volume } from '../../lib/api/types.ts'
import { isAlreadyExists } from '../../lib/kube/errors.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { consoleText } from './console.ts'
import { openTestCloud, type TestCloud } from './cloud.ts'
import { leftovers, logicalLeftovers } from './leftovers.ts'
import { lastBoot, parseMarks, type Mark } from './marks.ts'
import * as draft from './objects.ts'
import { waitForGone, waitForReady, waitUntilTrue } from './wait.ts'

type Draft = ReturnType<typeof draft.instance>

/** A namespace of its own for one test file, and what tests do in it. */
export class Project {
  readonly namespace: string
  readonly test: TestCloud
  /** Of everything that was created: what must be nowhere once it is deleted. */
  readonly uids: string[] = []

  private constructor(test: TestCloud, namespace: string) {
    this.test = test
    this.namespace = namespace
  }

  /** With the flavor `small`, the pool and type `files`, and, unless told otherwise, the image `guest`. */
  static async create(name: string, { withImage = true } = {}): Promise<Project> {
    const test = openTestCloud()
    const project = new Project(test, `${name}-${randomBytes(3).toString('hex')}`)
    await ensureShared(test)
    await test.client.create(NAMESPACE, { metadata: { name: project.namespace } })
    if (withImage) {
      await project.create(IMAGE, draft.image(project.at('guest'), test.guestImage))
      await waitForReady<Image>(test.client, IMAGE, project.at('guest'))
    }
    return project
  }

  at(name: string): { namespace: string; name: string } {
    return { namespace: this.namespace, name }
  }

  async create<T extends KubeObject>(kind: ResourceKind, object: Draft): Promise<T> {
    const created = await this.test.client.create(kind, object)
    this.uids.push(created.metadata.uid)
    return created as T
  }

  async createNetwork(name: string, cidr: string): Promise<void> {
    await this.create<Network>(NETWORK, draft.network(this.at(name)))
    await this.create(SUBNET, draft.subnet(this.at(name), name, cidr))
    await waitForReady(this.test.client, SUBNET, this.at(name))
  }

  createInstance(name: string, spec: object = {}): Promise<Instance> {
    return this.create<Instance>(INSTANCE, draft.instance(this.at(name), spec))
  }

  createVolume(name: string, sizeGiB = 1): Promise<Volume> {
    return this.create<Volume>(VOLUME, draft.volume(this.at(name), sizeGiB, { volumeTypeRef: { name: 'files' } }))
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

  /** Deletes everything in the order that a namespace's end would not keep, and then the namespace. */
  async destroy(): Promise<void> {
    const { client } = this.test
    await this.rememberPorts()
    for (const kinds of [[INSTANCE], [VOLUME, PORT], [SUBNET, IMAGE], [NETWORK]]) {
      const all = await Promise.all(
        kinds.map(async (kind) =>
          (await client.list(kind, { namespace: this.namespace })).map((o) => ({ kind, name: o.metadata.name })),
        ),
      )
      await Promise.all(all.flat().map(({ kind, name }) => this.remove(kind, name, 90_000)))
    }
    await client.remove(NAMESPACE, { name: this.namespace })
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
