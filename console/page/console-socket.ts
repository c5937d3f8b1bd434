// SPDX-License-Identifier: Apache-2.0
import { CLOSED_CODE, CONSOLE_PROTOCOL, OPENED } from '../../lib/console/protocol.ts'

/** Why a console is over, in a sentence; `mayRetry`: its token was not used. */
export class ConsoleOver extends Error {
  readonly mayRetry: boolean
  constructor(message: string, mayRetry: boolean) {
    super(message)
    this.mayRetry = mayRetry
  }
}

/** With these the token opens nothing any more. */
const USED_UP = ['AccessUnknown', 'AccessUsed', 'AccessExpired', 'TokenMissing']

/**
 * Opens the console of this page. @param window bytes that may come before the page says that it has read them; undefined: any number
 * @throws ConsoleOver
 */
export function openConsole(token: string, window?: number): Promise<WebSocket> {
  const { host, pathname } = location
  const socket = new WebSocket(`wss://${host}${pathname}`, CONSOLE_PROTOCOL)
  socket.binaryType = 'arraybuffer'
  return new Promise((resolve, reject) => {
    socket.onopen = () => socket.send(JSON.stringify({ token, ...(window === undefined ? {} : { window }) }))
    socket.onmessage = ({ data }) => {
      socket.onopen = socket.onmessage = socket.onclose = null
      if (data === OPENED) resolve(socket)
      else reject(new ConsoleOver('this is no console', false))
    }
    socket.onclose = (event) => reject(toConsoleOver(event, true))
  })
}

/** Pure. @param isNew it was not open yet */
export function toConsoleOver({ code, reason }: Pick<CloseEvent, 'code' | 'reason'>, isNew: boolean): ConsoleOver {
  if (code === CLOSED_CODE) return new ConsoleOver('the console was closed', false)
  const mayRetry = isNew && !USED_UP.some((word) => reason.startsWith(word))
  if (reason !== '') return new ConsoleOver(reason, mayRetry)
  return new ConsoleOver(
    isNew ? 'the console process does not answer, or refuses' : 'the connection was lost',
    mayRetry,
  )
}
