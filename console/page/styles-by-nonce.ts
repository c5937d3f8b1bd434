// SPDX-License-Identifier: Apache-2.0

/**
 * xterm.js makes style elements of its own, which the page's policy refuses to whoever lacks the nonce of this very answer: those that are made by
 * script get it. What a guest prints never becomes an element. https://github.com/xtermjs/xterm.js/issues/4445
 */
export function giveStylesTheNonce(): void {
  const nonce = document.querySelector('script')?.nonce ?? ''
  const createWithNonce = (name: string): HTMLElement => {
    const element = document.createElementNS('http://www.w3.org/1999/xhtml', name.toLowerCase())
    if (element instanceof HTMLStyleElement) element.nonce = nonce
    return element
  }
  Object.assign(document, { createElement: createWithNonce })
}
