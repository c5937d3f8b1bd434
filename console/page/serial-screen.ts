// SPDX-License-Identifier: Apache-2.0
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import type { Screen } from './screen.ts'

/** Bytes that may be on their way here: xterm keeps what it is given until it has drawn it. */
export const SERIAL_WINDOW = 512 * 1024
const TELL_BYTES = SERIAL_WINDOW / 8
/** Of one message: the console process takes none that is longer than 64 KiB. */
const MOST_BYTES = 16 * 1024

/** A serial console: a terminal in the page. */
export function showSerial(socket: WebSocket, place: HTMLElement): Screen {
  const terminal = new Terminal({ cursorBlink: true, scrollback: 5000, fontFamily: 'monospace' })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(place)
  fit.fit()
  terminal.focus()
  const resized = new ResizeObserver(() => fit.fit())
  resized.observe(place)
  const encoder = new TextEncoder()
  const send = (bytes: Uint8Array<ArrayBuffer>): void => {
    for (let at = 0; at < bytes.length && socket.readyState === WebSocket.OPEN; at += MOST_BYTES)
      socket.send(bytes.subarray(at, at + MOST_BYTES))
  }
  terminal.onData((typed) => send(encoder.encode(typed)))
  // Reports of the mouse, whose bytes are no UTF-8.
  terminal.onBinary((typed) => send(Uint8Array.from(typed, (unit) => unit.charCodeAt(0) & 255)))
  const paste = async (): Promise<void> => {
    // Who says no to the browser has pasted nothing.
    terminal.paste(await navigator.clipboard.readText().catch(() => ''))
    terminal.focus()
  }
  let read = 0
  let told = 0
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    const bytes = new Uint8Array(data)
    terminal.write(bytes, () => {
      read += bytes.length
      if (read - told < TELL_BYTES || socket.readyState !== WebSocket.OPEN) return
      told = read
      socket.send(JSON.stringify({ read }))
    })
  }
  return {
    tools: [
      { label: 'Paste', help: 'what was copied elsewhere, as if it were typed', run: () => void paste() },
      {
        label: 'Send size',
        help: 'types the command that tells a shell in the guest how large this terminal is: a serial line cannot',
        run: () => {
          send(encoder.encode(`stty rows ${terminal.rows} cols ${terminal.cols}\r`))
          terminal.focus()
        },
      },
    ],
    end: () => {
      resized.disconnect()
      terminal.options.disableStdin = true
      terminal.options.cursorBlink = false
    },
    remove: () => terminal.dispose(),
  }
}
