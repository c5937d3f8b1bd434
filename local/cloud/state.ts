// SPDX-License-Identifier: Apache-2.0
// What a running cloud is known by: one JSON file in its state folder, outside the tree, rewritten at each start of a process.
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ControlPlanePorts } from '../control-plane/start.ts'
import { isRunning, startTimeOf, type ProcessId, type StartedProcess } from '../host/process.ts'
import type { RunningNode } from '../node/node.ts'
import { checkCloudName } from './definition.ts'

export interface CloudState {
  name: string
  subnet: number
  hostInterface: string
  ports: ControlPlanePorts
  computeNodes: number
  dpdkNodes?: number
  rootfs: string
  /** The apiserver notes every request in control-plane/audit.log. */
  auditLog?: boolean
  /** Host processes by name: etcd, apiserver, controller-manager, nats, caretaker, operator. */
  processes: Record<string, StartedProcess>
  fabric?: StartedProcess
  nodes: Record<string, RunningNode>
}

export function stateDirOf(name: string, env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state')
  return join(env['NEPHELE_STATE'] ?? join(base, 'nephele'), checkCloudName(name))
}

export function findState(dir: string): CloudState | undefined {
  const file = join(dir, 'state.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CloudState) : undefined
}

/** Synchronous on purpose: what was started is on disk before the next thing can fail. */
export function saveState(dir: string, state: CloudState): void {
  const file = join(dir, 'state.json')
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 2))
  renameSync(`${file}.new`, file)
}

/**
 * Keeps a second `up` or `down` of one cloud out. The lock of a process that is gone does not count.
 * @throws when another process holds it
 */
export function lockState(dir: string): () => void {
  const lock = tryLock(join(dir, 'lock'))
  if (lock.ok) return lock.unlock
  throw new Error(`process ${lock.holder.pid} is at work on this cloud: wait for it, or end it`)
}

export type Lock = { ok: true; unlock: () => void } | { ok: false; holder: ProcessId }

/** A file that names the process that holds it; linked into place, so that nobody ever sees it empty. */
export function tryLock(file: string): Lock {
  const own: ProcessId = { pid: process.pid, startTime: startTimeOf(process.pid) ?? -1 }
  const draft = `${file}.${process.pid}`
  for (;;) {
    writeFileSync(draft, JSON.stringify(own))
    try {
      linkSync(draft, file)
      return { ok: true, unlock: () => rmSync(file, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(draft, { force: true })
    }
    const holder = holderOf(file)
    if (holder && isRunning(holder)) return { ok: false, holder }
    rmSync(file, { force: true })
  }
}

/** Undefined when the file went meanwhile, or names nobody. */
function holderOf(file: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessId
  } catch {
    return undefined
  }
}
