// SPDX-License-Identifier: Apache-2.0
import RFB from '@novnc/novnc'
import { HeldChannel } from './held-channel.ts'
import type { Screen } from './screen.ts'
import { MOST_SIGNS, typeText } from './typing.ts'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A machine's screen, keyboard and mouse. @param onFault it is no VNC that comes @param tell what a person should know, of a screen that stays */
export function showVnc(
  socket: WebSocket,
  place: HTMLElement,
  { onFault, tell }: { onFault: (message: string) => void; tell: (message: string) => void },
): Screen {
  let last: HTMLCanvasElement | undefined
  // Before noVNC hears of it, which takes its own away.
  socket.addEventListener('close', () => (last = copyPicture(place)))
  const rfb = new RFB(place, new HeldChannel(socket), { shared: true })
  // The screen is as large as the guest has it, and shown as large as the window is.
  rfb.scaleViewport = true
  rfb.focusOnClick = true
  rfb.addEventListener('securityfailure', ({ detail }) => onFault(`the machine refuses: ${detail.reason ?? ''}`))
  rfb.addEventListener('credentialsrequired', () => onFault('the machine asks for a password, which nobody has set'))
  rfb.addEventListener('connect', () => rfb.focus())

  const isOver = (): boolean => socket.readyState !== WebSocket.OPEN
  let isTyping = false
  const type = async (text: string): Promise<void> => {
    rfb.focus()
    // Two at a time would be mixed.
    if (isTyping) return
    if (text.length > MOST_SIGNS) {
      tell(`${text.length} signs are too many to be typed: at most ${MOST_SIGNS} are`)
      return
    }
    isTyping = true
    tell('typing what was copied …')
    await typeText(text, rfb, { sleep, isOver })
    isTyping = false
    if (!isOver()) tell('')
  }
  return {
    tools: [
      {
        label: 'Paste',
        help: 'types what was copied elsewhere, as a keyboard of the USA does: the guest gets keys, not signs',
        // Who says no to the browser has pasted nothing.
        run: () => void navigator.clipboard.readText().then(type, () => rfb.focus()),
      },
      {
        label: 'Ctrl-Alt-Del',
        help: 'these three keys, which your own system would take',
        run: () => {
          rfb.sendCtrlAltDel()
          rfb.focus()
        },
      },
    ],
    end: () => place.replaceChildren(...(last ? [last] : [])),
    remove: () => place.replaceChildren(),
  }
}

/** What is shown, as it is shown. */
function copyPicture(place: HTMLElement): HTMLCanvasElement | undefined {
  const shown = place.querySelector('canvas')
  if (!shown?.width || !shown.height) return undefined
  const copy = document.createElement('canvas')
  ;[copy.width, copy.height] = [shown.width, shown.height]
  copy.getContext('2d')?.drawImage(shown, 0, 0)
  const { width, height } = shown.style
  Object.assign(copy.style, { width, height, display: 'block', margin: 'auto' })
  return copy
}
