// SPDX-License-Identifier: Apache-2.0
// The page of a console: its URL says which, the part behind `#` has the token (docs/decisions/0088).
import { CLOSED_CODE } from '../../lib/console/protocol.ts'
import { parseAsked } from './asked.ts'
import { ConsoleOver, openConsole, toConsoleOver } from './console-socket.ts'
import { parseFragment } from './fragment.ts'
import type { Screen } from './screen.ts'
import { SERIAL_WINDOW, showSerial } from './serial-screen.ts'
import { giveStylesTheNonce } from './styles-by-nonce.ts'
import { showVnc } from './vnc-screen.ts'

const find = (id: string): HTMLElement => document.getElementById(id) ?? document.body
const [state, tools, place] = [find('state'), find('tools'), find('screen')]
const ask = find('ask') as HTMLFormElement
const isVnc = location.pathname.startsWith('/vnc/')
let screen: Screen | undefined
let current: WebSocket | undefined
/** Opening, or open. */
let isBusy = false
/** Nobody has said a token yet that is this page's. */
let mayAskForToken = true

function say(text: string, kind: 'waiting' | 'open' | 'over'): void {
  state.textContent = text
  state.dataset['state'] = kind
}

function showTools(shown: Screen['tools']): void {
  tools.replaceChildren(
    ...shown.map(({ label, help, run }) => {
      const button = document.createElement('button')
      button.textContent = label
      button.title = help
      button.onclick = run
      return button
    }),
  )
}

/** Its node has opened the console of this one: what a link says beside that, whoever made it has chosen. */
function showMachine(): void {
  const [, , , uid = ''] = location.pathname.split('/')
  const name = `${isVnc ? 'screen' : 'console'} of machine ${uid}`
  document.title = name
  find('name').textContent = name
}

/** What is open by an earlier token, which another one replaces. */
function leave(): void {
  const former = current
  current = undefined
  former?.close(CLOSED_CODE)
  screen?.remove()
  screen = undefined
}

async function open(token: string): Promise<void> {
  ask.hidden = true
  isBusy = true
  leave()
  showTools([])
  say('opening …', 'waiting')
  try {
    // What VNC sends, it was asked for: one picture after another.
    const socket = (current = await openConsole(token, isVnc ? undefined : SERIAL_WINDOW))
    const shown = (screen = isVnc ? showVnc(socket, place, { onFault: fail, tell }) : showSerial(socket, place))
    // noVNC has handlers of its own.
    socket.addEventListener('close', (event) => {
      if (socket !== current) return
      shown.end()
      end(toConsoleOver(event, false), token)
    })
    mayAskForToken = false
    showMachine()
    showTools(shown.tools)
    say('open', 'open')
  } catch (error) {
    end(error instanceof ConsoleOver ? error : new ConsoleOver(String(error), false), token)
  }
}

/** What comes is no console: nothing more is read of it. */
function fail(message: string): void {
  leave()
  end(new ConsoleOver(message, false), '')
}

function tell(message: string): void {
  say(message === '' ? 'open' : `open: ${message}`, 'open')
}

/** A token is of one use: once the console was open, the next one needs another, of another URL. */
function end({ message, mayRetry }: ConsoleOver, token: string): void {
  isBusy = false
  say(mayRetry ? message : `${message}. Make a new ConsoleAccess to open it again.`, 'over')
  if (mayRetry) showTools([{ label: 'Try again', help: 'with the same token', run: () => void open(token) }])
  else {
    showTools([])
    showField()
  }
}

function showField(): void {
  ask.hidden = false
  find('label').textContent = mayAskForToken
    ? 'Token of the ConsoleAccess'
    : 'URL of a new ConsoleAccess, with its token behind #'
}

ask.onsubmit = (event) => {
  event.preventDefault()
  const input = find('token') as HTMLInputElement
  const text = input.value.trim()
  input.value = ''
  if (text === '') return
  const asked = parseAsked(text, location.origin, mayAskForToken ? 'token or link' : 'link')
  if ('token' in asked) void open(asked.token)
  else if ('link' in asked) location.assign(asked.link)
  else say(asked.wrong, 'over')
}

function begin(): void {
  const { token } = parseFragment(location.hash)
  // Neither the history nor a bookmark keeps the token.
  history.replaceState(null, '', location.pathname)
  // What is open stays, whatever link is followed.
  if (isBusy) return
  if (token !== undefined) {
    mayAskForToken = false
    void open(token)
  } else {
    say('closed', 'over')
    showField()
  }
}

giveStylesTheNonce()
begin()
// A link of another token that is followed in the same tab changes nothing but what is behind `#`.
addEventListener('hashchange', begin)
