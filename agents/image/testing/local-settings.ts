// SPDX-License-Identifier: Apache-2.0
import { ImageSettings } from '../image-settings.ts'

/** For tests, whose image servers are on this machine. */
export function localSettings(more: Parameters<ImageSettings['tell']>[0] = {}): ImageSettings {
  const settings = new ImageSettings()
  settings.tell({ allowedNetworks: ['127.0.0.0/8'], ...more })
  return settings
}
