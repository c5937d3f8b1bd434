// SPDX-License-Identifier: Apache-2.0
// The READMEs about what serves machines and projects, followed as written.
import { SERVICES } from '../../scripts/examples/sayings.ts'
import { followEach } from './follow.ts'

followEach(SERVICES)
