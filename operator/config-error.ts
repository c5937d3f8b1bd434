// SPDX-License-Identifier: Apache-2.0
/** A variable of the environment that is missing or wrong; the message names it. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
