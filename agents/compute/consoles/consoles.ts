// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { ConsoleChannel, ConsoleEnded, toEnd } from '../../../lib/console/console-channel.ts'
import { decodeFrame, encodeFrame, type End, type Frame, type OpenRequest } from '../../../lib/console/frame.ts'
import type { ConsoleGrant, ConsoleType, InstanceDocument, ObservedConsole } from '../../../lib/contract/documents.ts'
import { consolesOf, fromNodeConsole, parseConsoleSubject } from '../../../lib/contract/subjects.ts'
import type { Logger } from '../../../lib/log.ts'
import { judgeAccess } from './judge-access.ts'
import type { UsedAccesses } from './used-accesses.ts'

export interface ConsolesOptions {
  node: string
  /** On the bus; lost while there is no connection. */
  say(subject: string, data: Uint8Array): void
  listen(subject: string, heard: (subject: string, data: Uint8Array) => void): void
  /** The guest's own bytes, in both directions. */
  open(machine: string, how: { force: boolean; type: ConsoleType }, signal: AbortSignal): Promise<Duplex>
  used: UsedAccesses
  log: Logger
  nowMs?: () => number
}

interface Session {
  readonly access: string
  readonly machine: string
  readonly epoch: number
  readonly type: ConsoleType
  readonly channel: ConsoleChannel
  isOpen: boolean
}

interface Machine {
  readonly epoch: number
  readonly grants: readonly ConsoleGrant[]
}

/** Opened or about to be, on this node: each may keep two windows in memory. */
const MOST_SESSIONS = 64
const OPEN_TIMEOUT_MS = 15_000

/** The consoles that are open on this node. What opens one is a token that its machine's document has the hash of. */
export class Consoles {
  readonly #options: ConsolesOptions
  readonly #machines = new Map<string, Machine>()
  readonly #sessions = new Map<string, Session>()
  /** Told when what `observe` says of a machine has changed. */
  onChange: (machine: string) => void = () => undefined

  constructor(options: ConsolesOptions) {
    this.#options = options
    options.listen(consolesOf(options.node).to, (subject, data) => this.#hear(subject, data))
  }

  /** The document that holds now: an open console that it does not allow ends. */
  async allow({ uid, spec, versions: { epoch } }: InstanceDocument): Promise<void> {
    const grants = spec.consoles ?? []
    this.#machines.set(uid, { epoch, grants })
    const allowed = new Set(grants.map((grant) => grant.uid))
    this.#end(uid, (session) => session.epoch !== epoch || !allowed.has(session.access))
    await this.#options.used.keep(uid, allowed)
  }

  /** The machine goes. */
  async forget(machine: string): Promise<void> {
    this.#machines.delete(machine)
    this.#end(machine, () => true)
    await this.#options.used.keep(machine, new Set())
  }

  observe({ spec }: InstanceDocument): ObservedConsole[] {
    return (spec.consoles ?? []).map(({ uid, type }) => {
      const isOpen = [...this.#sessions.values()].some((session) => session.access === uid && session.isOpen)
      const state = isOpen ? 'Open' : this.#options.used.has(uid) ? 'Closed' : 'Waiting'
      return { uid, state, ...(type === undefined ? {} : { type }) }
    })
  }

  stop(): void {
    for (const { channel } of this.#sessions.values())
      channel.destroy(
        new ConsoleEnded({
          reason: 'AgentStopping',
          message: 'the agent of the node is restarted: open the console again',
        }),
      )
  }

  #hear(subject: string, data: Uint8Array): void {
    const at = parseConsoleSubject(subject)
    if (!at) return
    const key = `${at.process}.${at.session}`
    const answer = (frame: Frame): void => this.#options.say(fromNodeConsole(at), encodeFrame(frame))
    let frame: Frame
    try {
      frame = decodeFrame(data)
    } catch (error) {
      this.#options.log.debug({ err: error }, 'a message to a console cannot be read')
      return
    }
    const session = this.#sessions.get(key)
    if (session) session.channel.receive(frame)
    else if (frame.type === 'open') void this.#open(key, frame.request, answer)
    else if (frame.type !== 'end') {
      const message = 'the node does not know this console any more: its agent was restarted'
      answer({ type: 'end', end: { reason: 'SessionUnknown', message } })
    }
  }

  async #open(key: string, request: OpenRequest, answer: (frame: Frame) => void): Promise<void> {
    const { used, log, nowMs = Date.now } = this.#options
    const refuse = (end: End): void => answer({ type: 'end', end })
    const { machine, access } = request
    try {
      await used.ready()
    } catch (error) {
      log.error({ err: error }, 'which consoles were opened cannot be read')
      refuse(toEnd(error as Error))
      return
    }
    const { epoch = 0, grants = [] } = this.#machines.get(machine) ?? {}
    const isUsed = (uid: string): boolean =>
      used.has(uid) || [...this.#sessions.values()].some((session) => session.access === uid)
    const verdict = judgeAccess(request, grants, { nowMs: nowMs(), isUsed })
    if ('refused' in verdict) {
      refuse(verdict.refused)
      return
    }
    if (this.#sessions.size >= MOST_SESSIONS) {
      refuse({
        reason: 'TooManyConsoles',
        message: `${MOST_SESSIONS} consoles are open on this node: try again later`,
      })
      return
    }
    const { force, type = 'Serial' } = verdict.grant
    if (!this.#makeRoom(machine, type, force)) {
      refuse({
        reason: 'ConsoleTaken',
        message: 'another has this console open: spec.force of a ConsoleAccess takes it over',
      })
      return
    }
    const channel = new ConsoleChannel((message) =>
      this.#options.say(fromNodeConsole(parseKey(this.#options.node, key)), message),
    )
    const session: Session = { access, machine, epoch, type, channel, isOpen: false }
    this.#sessions.set(key, session)
    const left = new AbortController()
    channel
      .on('error', () => undefined)
      .on('close', () => {
        left.abort()
        this.#sessions.delete(key)
        if (!session.isOpen) return
        log.info({ kind: 'instance', uid: machine, access }, 'console closed')
        this.onChange(machine)
      })
    try {
      const signal = AbortSignal.any([left.signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)])
      const stream = await this.#options.open(machine, { force, type }, signal)
      join(stream, channel, type === 'Log' ? LOG_READ : TAKEN_OR_OFF)
      // Before its first byte is seen: it is never opened twice.
      await used.add(access, machine)
      session.isOpen = true
      answer({ type: 'opened' })
      stream.resume()
      stream.pipe(channel, { end: false })
      channel.pipe(stream)
      log.info({ kind: 'instance', uid: machine, access }, 'console opened')
      this.onChange(machine)
    } catch (error) {
      if (!left.signal.aborted) log.warn({ kind: 'instance', uid: machine, err: error }, 'console cannot be opened')
      channel.destroy(error as Error)
    }
  }

  /** Of screens QEMU lets in as many as come: one at a time has it here, as libvirt holds it with serial ports. @returns whether it is free */
  #makeRoom(machine: string, type: ConsoleType, force: boolean): boolean {
    if (type !== 'VNC') return true
    const others = [...this.#sessions.values()].filter((one) => one.machine === machine && one.type === type)
    if (!force) return others.length === 0
    for (const { channel } of others)
      channel.destroy(new ConsoleEnded({ reason: 'ConsoleClosed', message: 'another one took the console over' }))
    return true
  }

  #end(machine: string, isOver: (session: Session) => boolean): void {
    const end = {
      reason: 'AccessWithdrawn',
      message: 'the ConsoleAccess was deleted, or the machine has left the node',
    }
    for (const session of this.#sessions.values())
      if (session.machine === machine && isOver(session)) session.channel.destroy(new ConsoleEnded(end))
  }
}

const TAKEN_OR_OFF: End = {
  reason: 'ConsoleClosed',
  message: 'the machine stopped, or another one took the console over',
}
const LOG_READ: End = { reason: 'Closed', message: 'this is the end of the log' }

/** Each ends with the other. @param farewell what the other end hears when it is the guest's */
function join(stream: Duplex, channel: ConsoleChannel, farewell: End): void {
  stream.pause()
  stream.on('error', () => undefined)
  const over = (): void => channel.leave(farewell)
  stream.on('end', over).on('close', over)
  channel.on('close', () => stream.destroy())
  if (channel.destroyed) stream.destroy()
}

function parseKey(node: string, key: string): { node: string; process: string; session: string } {
  const [process = '', session = ''] = key.split('.')
  return { node, process, session }
}
