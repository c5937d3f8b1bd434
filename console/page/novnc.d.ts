// SPDX-License-Identifier: Apache-2.0
// What the page uses of noVNC, which brings no types: https://github.com/novnc/noVNC/blob/v1.7.0/docs/API.md
declare module '@novnc/novnc' {
  export default class RFB {
    constructor(target: HTMLElement, channel: import('./held-channel.ts').RawChannel, options?: { shared?: boolean })
    scaleViewport: boolean
    focusOnClick: boolean
    focus(): void
    sendKey(keysym: number, code: string, down?: boolean): void
    sendCtrlAltDel(): void
    addEventListener(type: 'connect' | 'credentialsrequired', listener: () => void): void
    addEventListener(
      type: 'securityfailure',
      listener: (event: CustomEvent<{ status: number; reason?: string }>) => void,
    ): void
  }
}
