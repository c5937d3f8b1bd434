// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { TransientError } from '../../../../lib/errors.ts'
import { Console } from '../../../../lib/libvirt/constants.ts'
import { isConsoleTaken, isOperationInvalid, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { OneAtATime } from '../../../../lib/one-at-a-time.ts'

/** virDomainOpenConsole of a domain, on a connection of its own. */
export type OpenSerialConsole = (domain: DomainRef, flags: number, signal: AbortSignal) => Promise<Duplex>

interface SerialConsole {
  readonly turns: OneAtATime
  reader: Duplex | undefined
}

/**
 * The serial consoles that are open here, one a machine.
 *
 * libvirtd (11.3, virFDStreamCloseInt) tells a reader that another one pushes out nothing when it was just sending to it: that reader would
 * wait for ever. So who is pushed out by a console of ours is ended here.
 * https://gitlab.com/libvirt/libvirt/-/blob/v11.3.0/src/util/virfdstream.c
 */
export class SerialConsoles {
  readonly #open: OpenSerialConsole
  readonly #machines = new Map<string, SerialConsole>()

  constructor(open: OpenSerialConsole) {
    this.#open = open
  }

  /** @throws TransientError `ConsoleTaken` (without `force`), `MachineOff` */
  async open(uid: string, domain: DomainRef, force: boolean, signal: AbortSignal): Promise<Duplex> {
    const machine = this.#machines.get(uid) ?? { turns: new OneAtATime(), reader: undefined }
    this.#machines.set(uid, machine)
    const forgetIfUnused = (): void => {
      if (machine.turns.isIdle && !machine.reader) this.#machines.delete(uid)
    }
    try {
      // In turn: of two that take it over at once, the one that libvirtd heard last has it.
      return await machine.turns.run(async () => {
        const reader = await this.#take(domain, force, signal)
        const before = machine.reader
        machine.reader = reader
        reader.once('close', () => {
          if (machine.reader === reader) machine.reader = undefined
          forgetIfUnused()
        })
        before?.destroy()
        return reader
      })
    } finally {
      forgetIfUnused()
    }
  }

  async #take(domain: DomainRef, force: boolean, signal: AbortSignal): Promise<Duplex> {
    try {
      return await this.#open(domain, force ? Console.force : 0, signal)
    } catch (error) {
      if (isConsoleTaken(error))
        throw new TransientError(
          'ConsoleTaken',
          'another has this console open: spec.force of a ConsoleAccess takes it over',
        )
      if (isOperationInvalid(error)) throw new TransientError('MachineOff', 'the machine is off, and so is its console')
      throw error
    }
  }
}
