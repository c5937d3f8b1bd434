#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the guest does when its power button is pressed (`runState: Stopped`): the path is busybox acpid's name for KEY_POWER.
echo "MARK power-button $(cut -d' ' -f1 /proc/uptime)" > /dev/console
sync
poweroff -f
