// SPDX-License-Identifier: Apache-2.0
// The `node` kind: roles, certificate, configuration. One document a node.
import type { NodeDocument, NodeSpec, Orphan } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import {
  keyOf,
  type DocumentKey,
  type KindReconciler,
  type Observation,
  type RunContext,
  type Wake,
} from '../runtime/reconciler.ts'
import type { NodeIdentity } from './identity.ts'
import type { NbdIdentity } from './nbd-identity.ts'
import type { AgentRole } from './role.ts'

/** Roles are listed once in a while; orphans are facts, not emergencies. */
const LIST_EVERY_MS = 300_000

export interface EnsuredRoles {
  /** All that there are. */
  roles: readonly AgentRole[]
  /** Of those that could not be made. */
  failures: readonly unknown[]
}

export interface NodeReconcilerOptions {
  identity: NodeIdentity
  nbd: NbdIdentity
  /** Makes the roles that the spec names and that are not there yet. */
  ensureRoles: (spec: NodeSpec) => Promise<EnsuredRoles>
  /** Undefined until all documents of this node have been received once. */
  listOrphans: (signal: AbortSignal) => Promise<Orphan[]> | undefined
  now?: () => Date
}

export class NodeReconciler implements KindReconciler<'node'> {
  readonly kind = 'node'
  readonly #options: NodeReconcilerOptions
  #wake: Wake | undefined
  #orphans: ReadonlySet<string> = new Set()

  constructor(options: NodeReconcilerOptions) {
    this.#options = options
  }

  start(wake: Wake): Promise<void> {
    this.#wake = wake
    return Promise.resolve()
  }

  /** Something that the node's observation tells of may have changed. */
  wake(): void {
    this.#wake?.all()
  }

  /** A document came: what it is about is no orphan any longer. */
  documentCame(key: DocumentKey): void {
    if (this.#orphans.has(keyOf(key))) this.wake()
  }

  async reconcile(document: NodeDocument, context: RunContext): Promise<Observation<'node'>> {
    const { spec } = document
    const now = this.#options.now?.() ?? new Date()
    const certified = await this.#options.identity.accept(spec.certificate, spec.certificateAuthority, now)
    await this.#options.nbd.accept(spec.nbd, now)
    const { roles, failures } = await this.#options.ensureRoles(spec)
    // One that fails keeps no other from its configuration.
    const results = await Promise.allSettled(roles.map((role) => configure(role, spec, context)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    if (failures.length > 0) throw notReady('a role', context.node, new AggregateError(failures))
    const orphans = await this.#options.listOrphans(context.signal)
    this.#orphans = new Set(orphans?.map(keyOf))
    const facts = { roles: roles.map((role) => role.name), certified, ...(orphans ? { orphans } : {}) }
    if (!certified) {
      const message = `node ${context.node} waits for its certificate`
      return {
        state: 'degraded',
        facts,
        error: { reason: 'CertificatePending', message, terminal: false },
        retryAfterMs: LIST_EVERY_MS,
      }
    }
    return { state: 'ready', facts, retryAfterMs: LIST_EVERY_MS }
  }

  /** The node leaves the cloud: what it runs is removed by the tombstones of what it runs. */
  async remove(): Promise<Observation<'node'>> {
    return { state: 'gone' }
  }

  async listOwned(): Promise<Orphan[]> {
    return []
  }
}

async function configure(role: AgentRole, spec: NodeSpec, { node, signal }: RunContext): Promise<void> {
  try {
    await role.configure?.(spec, signal)
  } catch (error) {
    if (error instanceof TransientError) throw error
    throw notReady(`the ${role.name} role`, node, error)
  }
}

function notReady(what: string, node: string, cause: unknown): TransientError {
  return new TransientError('RoleNotConfigured', `${what} of node ${node} is not ready; the agent's log says why`, {
    cause,
  })
}
