// SPDX-License-Identifier: Apache-2.0
// The words of the WebSocket between a console process and its clients, the browser's page among them: it has no other code of ours.

export const CONSOLE_PROTOCOL = 'nephele-console.v1'

/** The answer, once the console is open. */
export const OPENED = JSON.stringify({ state: 'Open' })

/** Close codes: it is over as it should be, or for a reason, which the frame names: `ConsoleTaken: another …`. */
export const CLOSED_CODE = 1000
export const ENDED_CODE = 4000
