// SPDX-License-Identifier: Apache-2.0
// Brings a cloud up, whatever of it is up already: each step finds what an earlier one left and goes on from there.
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildProcesses } from '../../scripts/build.ts'
import { exec } from '../../lib/exec.ts'
import { choosePorts, startControlPlane } from '../control-plane/start.ts'
import { applyManifests } from '../control-plane/manifests.ts'
import type { GuestImage } from '../guest-image/build.ts'
import { isRunning, signalProcess } from '../host/process.ts'
import type { Progress } from '../host/progress.ts'
import { waitUntil } from '../host/wait.ts'
import { hasOutside, startFabric, stopFabric } from '../node/fabric.ts'
import { stopNode, waitForNode } from '../node/node.ts'
import { prepareHost } from './prepare.ts'
import { rootfsDir } from '../rootfs/build.ts'
import { hostProgram } from '../rootfs/host-program.ts'
import type { CaretakerConfig } from '../services/caretaker.ts'
import { ensureCertificates } from './certificates.ts'
import { Cloud } from './cloud.ts'
import { waitForAdmission } from './admission.ts'
import { addressesOf, defineNodes } from './definition.ts'
import { EXTERNAL_NETWORK, externalNetwork } from './external-network.ts'
import { ensureHugepages } from './hugepages.ts'
import { applyAuthorities, applyNodes, cloudSettings, installChart, tokenFiles, writeTokens } from './install.ts'
import { IMAGE_PORT, layoutOf, OPERATOR_HTTP_PORT } from './layout.ts'
import { writeNatsFiles } from './nats.ts'
import { assertDpdkNodes, newState } from './new-state.ts'
import { findState, lockState, saveState, stateDirOf } from './state.ts'
import { claimSubnet, type SubnetClaim } from './subnet.ts'

export interface UpOptions {
  name: string
  computeNodes?: number
  /** So many of the compute nodes have a switch on DPDK: the host gets hugepages for them. For a new cloud. */
  dpdkNodes?: number
  /** False: everything but the operator, for one that is run by hand (with a debugger, say). Default true. */
  operator?: boolean
  /** The apiserver notes every request in control-plane/audit.log; for a new cloud. */
  auditLog?: boolean
  progress: Progress
}

export interface CloudUp {
  cloud: Cloud
  guestImage: GuestImage
}

export async function up(options: UpOptions): Promise<CloudUp> {
  const { name, computeNodes = 2, operator = true, auditLog = false, progress } = options
  const dir = stateDirOf(name)
  const layout = layoutOf(dir)
  await mkdir(join(dir, 'log'), { recursive: true, mode: 0o700 })
  const unlock = lockState(dir)
  let claim: SubnetClaim | undefined
  const choose = async () => {
    claim = await claimSubnet()
    return { subnet: claim.subnet, ports: await choosePorts() }
  }
  try {
    const [guestImage] = await Promise.all([
      prepareHost(progress),
      progress.step('bundles of this checkout', () =>
        buildProcesses([...(operator ? (['operator'] as const) : []), 'agent', 'resolver', 'console']),
      ),
    ])
    const dpdk = options.dpdkNodes ? { dpdkNodes: options.dpdkNodes } : {}
    const state = findState(dir) ?? newState({ name, dir, computeNodes, ...dpdk, auditLog, ...(await choose()) })
    assertDpdkNodes(state, options.dpdkNodes)
    state.rootfs = rootfsDir()
    saveState(dir, state)
    const cloud = new Cloud(dir, state)
    await ensureHugepages(dir, state.dpdkNodes ?? 0, progress)
    await progress.step('keys and certificates', () => ensureCertificates(layout, state))
    await together([
      async () => {
        await progress.step('control plane', () => ensureControlPlane(cloud), join(layout.controlPlane, 'log'))
        await progress.step('custom resources, roles and policies', () => install(cloud))
      },
      async () => {
        await progress.step('network between the nodes', () => ensureFabric(cloud), layout.fabricLog)
        await together([
          () => progress.step('NATS', () => ensureNats(cloud), layout.log('nats')),
          ...defineNodes(state).map(
            (node) => () =>
              progress.step(
                `node ${node.name}`,
                () => ensureNode(cloud, node.name),
                join(layout.node(node.name), 'log'),
              ),
          ),
        ])
      },
    ])
    await writeTraceProgram(cloud)
    await progress.step('image server', () => ensureCaretaker(cloud, guestImage), layout.log('caretaker'))
    if (operator) await progress.step('operator', () => ensureOperator(cloud), layout.log('operator'))
    await progress.step('agents', () => admitAgents(cloud))
    await progress.step('console process', () => cloud.startProcess('console'), layout.log('console'))
    if (operator) await progress.step('compute nodes ready', () => waitForComputeNodes(cloud), layout.log('operator'))
    await progress.step('admission', () => cloud.withApi(waitForAdmission))
    await progress.step('network outside', () => applyExternalNetwork(cloud))
    return { cloud, guestImage }
  } finally {
    claim?.release()
    unlock()
  }
}

async function ensureControlPlane(cloud: Cloud): Promise<void> {
  const { state } = cloud
  await startControlPlane({
    ...cloud.controlPlaneOptions(),
    endsWithUs: false,
    running: state.processes,
    onStarted: (name, process) => {
      state.processes[name] = process
      cloud.save()
    },
  })
}

async function install(cloud: Cloud): Promise<void> {
  await cloud.withApi(async (api) => {
    const { host } = addressesOf(cloud.state.subnet)
    await installChart(api, [cloudSettings(`${host}/32`)])
    await applyAuthorities(api, cloud.layout)
    const files = tokenFiles(cloud.layout, await applyNodes(api, cloud.state))
    await writeTokens(
      api,
      files.filter((f) => f.node === undefined),
    )
    const config: CaretakerConfig = {
      controlPlaneDir: cloud.layout.controlPlane,
      server: cloud.server,
      imageDir: cloud.layout.images,
      listen: { host, port: IMAGE_PORT },
      tokens: files,
    }
    await writeFile(cloud.layout.caretakerConfig, JSON.stringify(config, null, 2))
  })
}

async function applyExternalNetwork(cloud: Cloud): Promise<void> {
  const objects = externalNetwork(addressesOf(cloud.state.subnet))
  await cloud.withApi((api) => applyManifests(api, objects, EXTERNAL_NETWORK))
}

async function ensureFabric(cloud: Cloud): Promise<void> {
  const { layout, state } = cloud
  if (state.fabric && isRunning(state.fabric)) {
    if (hasOutside(state.fabric)) return
    throw new Error('this cloud was started by an older checkout, without a network outside: npm run cloud -- down')
  }
  // Nodes on a fabric that is gone reach nothing: they start again with the new one.
  for (const node of Object.values(state.nodes)) await stopNode(node)
  if (state.fabric) await stopFabric(state.fabric, state.hostInterface)
  const { hostCidr, external } = addressesOf(state.subnet)
  const outside = { ...external, rootfs: state.rootfs }
  const options = {
    logFile: layout.fabricLog,
    endsWithUs: false,
    hostInterface: state.hostInterface,
    hostCidr,
    outside,
  }
  await startFabric(options, (fabric) => {
    state.fabric = fabric
    cloud.save()
  })
}

async function ensureNats(cloud: Cloud): Promise<void> {
  await writeNatsFiles(cloud.layout, addressesOf(cloud.state.subnet).host)
  await cloud.startProcess('nats')
}

async function ensureNode(cloud: Cloud, name: string): Promise<void> {
  const known = cloud.state.nodes[name]
  if (!known || !isRunning(known)) await cloud.startNode(name)
  await waitForNode(cloud.node(name))
}

async function ensureCaretaker(cloud: Cloud, guestImage: GuestImage): Promise<void> {
  const { layout } = cloud
  await mkdir(layout.images, { recursive: true })
  for (const file of ['guest.qcow2', 'guest.raw']) {
    await rm(join(layout.images, file), { force: true })
    await link(join(guestImage.dir, file), join(layout.images, file)).catch(async () => {
      // The cache is on another file system.
      await exec(['cp', '--', join(guestImage.dir, file), join(layout.images, file)], { timeoutMs: 60_000 })
    })
  }
  await cloud.startProcess('caretaker')
}

/** Returns when it serves, so when it also answers the bus's questions about logins. */
/** The image of the operator has the program itself. */
async function writeTraceProgram({ state, layout }: Cloud): Promise<void> {
  const argv = hostProgram(state.rootfs, 'usr/bin/ovn-trace').map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  await writeFile(layout.operatorTrace, `#!/bin/sh\nexec ${argv.join(' ')} "$@"\n`, { mode: 0o755 })
}

async function ensureOperator(cloud: Cloud): Promise<void> {
  await cloud.startProcess('operator')
  const process = cloud.state.processes['operator']
  const url = `http://${addressesOf(cloud.state.subnet).host}:${OPERATOR_HTTP_PORT}/readyz`
  const isReady = async (signal: AbortSignal) => (await fetch(url, { signal })).ok
  await waitUntil('the operator', isReady, { timeoutMs: 30_000, ...(process ? { process } : {}) })
}

/**
 * Agents start when their tokens are there; not before the operator, since the bus would let their first login wait for its own
 * time-out of 20 s.
 */
async function admitAgents(cloud: Cloud): Promise<void> {
  const { tokens } = JSON.parse(await readFile(cloud.layout.caretakerConfig, 'utf8')) as CaretakerConfig
  await cloud.withApi((api) =>
    writeTokens(
      api,
      tokens.filter((t) => t.node !== undefined),
    ),
  )
  for (const node of Object.values(cloud.state.nodes)) signalProcess(node, 'SIGUSR1')
}

interface ComputeNodeList {
  items: {
    metadata: { name: string }
    status?: { conditions?: { type: string; status: string; message?: string }[] }
  }[]
}

async function waitForComputeNodes(cloud: Cloud): Promise<void> {
  const wanted = defineNodes(cloud.state).map((n) => n.name)
  await cloud.withApi(async (api) => {
    const operator = cloud.state.processes['operator']
    await waitUntil(
      `ComputeNodes ${wanted.join(', ')} Ready`,
      async () => {
        const { items } = await api.request<ComputeNodeList>('GET', '/apis/nephele.dev/v1alpha1/computenodes')
        const isReady = (name: string) =>
          items.some(
            (i) =>
              i.metadata.name === name && i.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
          )
        return wanted.every(isReady)
      },
      { timeoutMs: 60_000, everyMs: 100, ...(operator ? { process: operator } : {}) },
    )
  })
}

/** Side by side, and all of them to their end before the first failure is thrown: nothing starts behind the error's back. */
async function together(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const results = await Promise.allSettled(steps.map((step) => step()))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
