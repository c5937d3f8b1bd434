// SPDX-License-Identifier: Apache-2.0
// The READMEs about networks, followed as written.
import { NETWORKS } from '../../scripts/examples/sayings.ts'
import { followEach } from './follow.ts'

followEach(NETWORKS)
