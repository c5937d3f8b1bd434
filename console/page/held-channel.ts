// SPDX-License-Identifier: Apache-2.0

/** What noVNC takes in place of a URL. */
export interface RawChannel {
  binaryType: BinaryType
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  onerror: ((event: Event) => void) | null
  readonly protocol: string
  readonly readyState: number
  send(data: ArrayBufferView<ArrayBuffer>): void
  close(): void
}

/** A WebSocket that is open: noVNC listens to it a moment later, and what has come by then is kept for it. */
export class HeldChannel implements RawChannel {
  readonly #socket: WebSocket
  #held: MessageEvent[] = []
  #listener: RawChannel['onmessage'] = null
  onopen: RawChannel['onopen'] = null
  onclose: RawChannel['onclose'] = null
  onerror: RawChannel['onerror'] = null

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', (event) => {
      if (this.#listener && this.#held.length === 0) this.#listener(event)
      else this.#held.push(event)
    })
    socket.addEventListener('close', (event) => this.onclose?.(event))
    socket.addEventListener('error', (event) => this.onerror?.(event))
  }

  get onmessage(): RawChannel['onmessage'] {
    return this.#listener
  }

  set onmessage(listener: RawChannel['onmessage']) {
    this.#listener = listener
    // noVNC first, then what it missed.
    queueMicrotask(() => {
      const held = this.#held
      this.#held = []
      for (const event of held) this.#listener?.(event)
    })
  }

  get binaryType(): BinaryType {
    return this.#socket.binaryType
  }
  set binaryType(type: BinaryType) {
    this.#socket.binaryType = type
  }
  get protocol(): string {
    return this.#socket.protocol
  }
  get readyState(): number {
    return this.#socket.readyState
  }
  send(data: ArrayBufferView<ArrayBuffer>): void {
    this.#socket.send(data)
  }
  close(): void {
    this.#socket.close(1000)
  }
}
