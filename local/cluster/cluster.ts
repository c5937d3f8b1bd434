// SPDX-License-Identifier: Apache-2.0
// A Kubernetes cluster with real kubelets, containerd and runc on one machine, whose nodes are at the same time hosts of Nephele
// (libvirt, OVS and ovn-controller are services of the node, as systemd units would be). Without Docker and without a registry.
// Everything ends with the process that started it.
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { exec } from '../../lib/exec.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { programPath } from '../build/programs.ts'
import { addressesOf, chooseSubnet, type CloudAddresses } from '../cloud/definition.ts'
import { kubeconfig } from '../control-plane/kubeconfig.ts'
import { choosePorts, startControlPlane, type ControlPlane } from '../control-plane/start.ts'
import { writeSecret } from '../control-plane/files.ts'
import { freePorts } from '../host/free-port.ts'
import { endProcess, startProcess, type StartedProcess } from '../host/process.ts'
import type { Progress } from '../host/progress.ts'
import { waitUntil } from '../host/wait.ts'
import { fabricNet, startFabric, stopFabric } from '../node/fabric.ts'
import { execInNode, startNode, stopNode, waitForNode, type RunningNode } from '../node/node.ts'
import { ensureControlGroup, removeControlGroup } from './control-groups.ts'
import { defineClusterNodes, KUBERNETES_SERVICE, podCidrOf, SERVICE_CIDR, type ClusterNode } from './definition.ts'
import { startDns } from './dns.ts'
import { cgroupOf } from './files.ts'
import type { ImageArchives } from './images.ts'
import { ARCHIVES_IN_NODE, clusterNodeOptions } from './node-options.ts'
import { dnsObjects, volumeObjects } from './objects.ts'

export interface ClusterOptions {
  rootfs: string
  images: ImageArchives
  kubeProxy: string
  nodes?: number
  progress: Progress
}

export interface Cluster {
  dir: string
  plane: ControlPlane
  client: HttpKubeClient
  addresses: CloudAddresses
  nodes: ReadonlyMap<string, RunningNode>
  stop(): Promise<void>
}

/** Returns when all nodes are Ready and labelled, with the images in them. */
export async function startCluster({ progress, ...options }: ClusterOptions): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'nephele-cluster-'))
  const name = `nephele-${randomBytes(4).toString('hex')}`
  const hostInterface = name.replace('nephele', 'nk')
  const definitions = defineClusterNodes(options.nodes)
  const addresses = addressesOf(await findSubnet())
  const undo: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })]
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  try {
    const fabric = await startFabric({
      logFile: join(dir, 'log', 'fabric.log'),
      endsWithUs: true,
      hostInterface,
      hostCidr: addresses.hostCidr,
      outside: { ...addresses.external, rootfs: options.rootfs },
    })
    undo.push(() => stopFabric(fabric, hostInterface))
    const plane = await progress.step('control plane', () => startPlane(dir, addresses))
    undo.push(() => plane.stop())
    const client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
    undo.push(() => client.close())
    const scheduler = await startScheduler(plane)
    undo.push(() => endProcess(scheduler, 0))
    const dns = await startDns(client, addresses.host)
    undo.push(() => dns.close())
    const apply = (objects: object[]) =>
      plane.kubectl(['apply', '--server-side', '-f', '-'], { input: objects.map((o) => stringify(o)).join('---\n') })
    await apply([...dnsObjects(addresses.host, dns.port), ...volumeObjects(definitions)])
    const nodes = new Map<string, RunningNode>()
    for (const node of definitions) {
      const control = cgroupOf(name, node)
      undo.push(() => removeControlGroup(control))
      await ensureControlGroup(control)
      const nodeOptions = await clusterNodeOptions({
        ...options,
        dir: join(dir, 'nodes', node.name),
        cluster: name,
        node,
        addresses,
        plane,
        fabricNet: fabricNet(fabric),
      })
      const running = await startNode(nodeOptions)
      undo.push(() => stopNode(running))
      nodes.set(node.name, running)
    }
    await Promise.all(
      definitions.map((node) =>
        progress.step(`node ${node.name}`, () =>
          prepareNode(nodes, node, { addresses, definitions, ...options, plane }),
        ),
      ),
    )
    return { dir, plane, client, addresses, nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function findSubnet(): Promise<number> {
  const { stdout } = await exec(['ip', '-j', 'address'], { timeoutMs: 10_000 })
  const interfaces = JSON.parse(stdout) as { addr_info?: { local?: string }[] }[]
  return chooseSubnet(interfaces.flatMap((i) => i.addr_info ?? []).flatMap((a) => a.local ?? []))
}

async function startPlane(dir: string, { host }: CloudAddresses): Promise<ControlPlane> {
  const planeDir = join(dir, 'control-plane')
  await mkdir(planeDir, { recursive: true })
  return startControlPlane({
    dir: planeDir,
    ports: await choosePorts(),
    serviceCidr: SERVICE_CIDR,
    forKubelets: { address: host, apiserverNames: [host, KUBERNETES_SERVICE] },
  })
}

async function startScheduler(plane: ControlPlane): Promise<StartedProcess> {
  const user = await plane.authority.issue({ commonName: 'system:kube-scheduler' })
  const file = join(plane.dir, 'scheduler.kubeconfig')
  await writeSecret(file, kubeconfig({ server: plane.server, certificateAuthority: plane.certificateAuthority, user }))
  const [port] = await freePorts(1)
  const settings = ['--leader-elect=false', '--bind-address=127.0.0.1', `--secure-port=${port}`]
  const certificates = [`--cert-dir=${join(plane.dir, 'scheduler')}`]
  return startProcess({
    name: 'scheduler',
    argv: [await programPath('kube-scheduler'), `--kubeconfig=${file}`, ...settings, ...certificates],
    logFile: join(plane.dir, 'log', 'scheduler.log'),
    endsWithUs: true,
  })
}

interface Preparation {
  addresses: CloudAddresses
  definitions: readonly ClusterNode[]
  images: ImageArchives
  plane: ControlPlane
}

async function prepareNode(
  nodes: ReadonlyMap<string, RunningNode>,
  node: ClusterNode,
  { addresses, definitions, images, plane }: Preparation,
): Promise<void> {
  const running = nodes.get(node.name)
  if (!running) throw new Error(`node ${node.name} was not started`)
  const run = (argv: readonly string[]) => execInNode(running, argv, { timeoutMs: 300_000 })
  const others = definitions.filter((other) => other !== node)
  await waitForNode(running, 60_000)
  await run(['ip', 'route', 'replace', 'default', 'via', addresses.host])
  for (const other of others) {
    await run(['ip', 'route', 'replace', podCidrOf(other), 'via', addresses.managementOf(other)])
  }
  for (const file of images.files) {
    await run(['ctr', '--namespace', 'k8s.io', 'images', 'import', `${ARCHIVES_IN_NODE}/${file}`])
  }
  const registered = () => plane.kubectl(['get', 'node', node.name, '-o', 'name']).then((text) => text !== '')
  await waitUntil(`node ${node.name} to register`, registered, { timeoutMs: 60_000, everyMs: 250 })
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`)
  await plane.kubectl(['label', '--overwrite', 'node', node.name, ...labels])
  await plane.kubectl(['wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=120s'], { timeoutMs: 125_000 })
}
