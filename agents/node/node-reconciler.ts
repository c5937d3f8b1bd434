// SPDX-License-Identifier: Apache-2.0
// The `node` kind: roles, certificate, configuration. One document per node.
import {
  DOCUMENT_KINDS,
  type DocumentKind,
  type NodeDocument,
  type NodeSpec,
  type ObservedFacts,
  type Orphan,
  type Unlisted,
} from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import { STILL_LISTING, type OrphanListing } from '../runtime/orphan-list.ts'
import {
  keyOf,
  type DocumentRef,
  type KindReconciler,
  type NodeState,
  type Observation,
  type RunContext,
  type Wake,
} from '../runtime/reconciler.ts'
import type { NodeIdentity } from './identity.ts'
import type { NbdIdentity } from './nbd-identity.ts'
import type { AgentRole } from './role.ts'

/** Orphans are listed rarely: they are no emergency. */
const LIST_EVERY_MS = 300_000
/** When something could not be listed: a pool that gets mounted sends no event. */
const LIST_AGAIN_MS = 60_000
/**
 * Kinds that every machine needs: a node that cannot list these takes no new machines. Pools and images are not needed by every machine.
 */
const EVERY_MACHINES: readonly DocumentKind[] = ['instance', 'port']

export interface EnsuredRoles {
  /** All roles that exist. */
  roles: readonly AgentRole[]
  /** The errors of those that could not be made. */
  failures: readonly unknown[]
}

export interface NodeReconcilerOptions {
  identity: NodeIdentity
  nbd: NbdIdentity
  /** Makes the roles that the spec names and that do not exist yet. */
  ensureRoles: (spec: NodeSpec) => Promise<EnsuredRoles>
  /** Undefined until all documents of this node have been received once. */
  listOrphans: (changed: () => void) => Promise<OrphanListing> | undefined
  now?: () => Date
}

export class NodeReconciler implements KindReconciler<'node'> {
  readonly kind = 'node'
  readonly #options: NodeReconcilerOptions
  #wake: Wake | undefined
  /** The result of the last listing. */
  #listing: OrphanListing | undefined

  constructor(options: NodeReconcilerOptions) {
    this.#options = options
  }

  start(wake: Wake): Promise<void> {
    this.#wake = wake
    return Promise.resolve()
  }

  /** Something in the node's observation may have changed. */
  wake(): void {
    this.#wake?.all()
  }

  /** A document arrived: what it is about is no longer an orphan. */
  documentCame(key: DocumentRef): void {
    if (this.#listing?.orphans.some((orphan) => keyOf(orphan) === keyOf(key))) this.wake()
  }

  async reconcile(document: NodeDocument, context: RunContext): Promise<Observation<'node'>> {
    const { spec } = document
    const now = this.#options.now?.() ?? new Date()
    const certified = await this.#options.identity.accept(spec.certificate, spec.certificateAuthority, now)
    await this.#options.nbd.accept(spec.nbd, now)
    const { roles, failures } = await this.#options.ensureRoles(spec)
    // A role that fails does not keep the others from being configured.
    const results = await Promise.allSettled(roles.map((role) => configure(role, spec, context)))
    this.#listing = await this.#list(roles, failures.length > 0)
    for (const result of results) if (result.status === 'rejected') throw result.reason
    if (failures.length > 0) throw notReady('a role', context.node, new AggregateError(failures))
    const facts = { roles: roles.map((role) => role.name), certified, ...this.#facts() }
    const unlisted = this.#listing?.unlisted ?? []
    const retryAfterMs = unlisted.length > 0 ? LIST_AGAIN_MS : LIST_EVERY_MS
    const error = certified ? hindrance(unlisted) : pending(context.node)
    if (error) return { state: 'degraded', facts, error: { ...error, terminal: false }, retryAfterMs }
    return { state: 'ready', facts, retryAfterMs }
  }

  /** The last listing is part of every report, whatever the outcome of a run. */
  standingFacts(_: NodeDocument, state: Pick<NodeState, 'find'>): ObservedFacts {
    return this.#facts((orphan) => state.find(orphan.kind, orphan.uid)?.tombstone ?? true)
  }

  #facts(isOrphan: (orphan: Orphan) => boolean = () => true): ObservedFacts {
    if (!this.#listing) return {}
    const { orphans, unlisted } = this.#listing
    return { orphans: orphans.filter(isOrphan), ...(unlisted.length > 0 ? { unlisted } : {}) }
  }

  async #list(roles: readonly AgentRole[], isRoleMissing: boolean): Promise<OrphanListing | undefined> {
    const listing = await this.#options.listOrphans(() => this.wake())
    if (!listing || !isRoleMissing) return listing
    // What a role that could not be made would list, nobody lists.
    const listed = new Set(['node', ...roles.flatMap((role) => role.reconcilers.map(({ kind }) => kind))])
    const missing = DOCUMENT_KINDS.filter((kind) => !listed.has(kind))
    const message = "a role of the node is not there; the agent's log says why"
    const unlisted = missing.map((kind): Unlisted => ({
      ...{ kind, what: `everything of kind ${kind}`, reason: 'RoleNotConfigured', message },
    }))
    return { ...listing, unlisted: [...listing.unlisted, ...unlisted] }
  }

  /** The node leaves the cloud: what it runs is removed by the tombstones of its documents. */
  async remove(): Promise<Observation<'node'>> {
    return { state: 'gone' }
  }

  async listOwned(): Promise<Orphan[]> {
    return []
  }
}

/** Why the node should get no new machines. A listing that is still running is no reason. */
function hindrance(unlisted: readonly Unlisted[]): Pick<Unlisted, 'reason' | 'message'> | undefined {
  const found = unlisted.find(({ kind, reason }) => EVERY_MACHINES.includes(kind) && reason !== STILL_LISTING)
  return found && { reason: found.reason, message: found.message }
}

function pending(node: string) {
  return { reason: 'CertificatePending', message: `node ${node} waits for its certificate` }
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
