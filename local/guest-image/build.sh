#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the nodes' root file system (chroot, /tmp a tmpfs, /mnt the output, /srv this folder): makes guest.raw and guest.qcow2, a
# disk with its own boot loaders (MBR, one FAT16 partition, syslinux for BIOS, Debian's signed shim and GRUB for UEFI) and the test guest in an
# initramfs. No mount, no loop device.
set -euo pipefail
size_mib=32
kernel=/usr/lib/guest-kernel
# The last three spare an emulated guest half a second; it guards nothing.
options='console=ttyS0 quiet nokaslr mitigations=off cryptomgr.notests'
modules=$(echo $kernel/usr/lib/modules/*/kernel)
rd=/tmp/rd
mkdir -p $rd/{bin,mod,proc,sys,dev,media,etc/dropbear,root/.ssh,tmp,run,var/log,var/run,lib,lib64}
cp /usr/bin/busybox $rd/bin/
for applet in sh mount insmod mkdir; do ln -s busybox $rd/bin/$applet; done

# Checking a signature costs an emulated guest 40 ms a module. Linux, include/linux/module_signature.h: at the end stand the
# signature, 12 bytes of which the last 4 are its length (big endian), and a line of 28 bytes.
unsigned_size() {
  [ "$(tail -c 28 "$1")" = '~Module signature appended~' ] || { stat -c %s "$1"; return; }
  echo $(($(stat -c %s "$1") - 40 - 16#$(tail -c 32 "$1" | head -c 4 | od -An -tx1 | tr -d ' ')))
}
# add_modules LIST MODULE...: in the order in which they need each other; what the kernel has built in is no file and is left out.
add_modules() {
  list=$1
  shift
  : >> "$rd/mod/$list"
  for module; do
    [ -e "$modules/$module.ko.xz" ] || continue
    busybox xzcat "$modules/$module.ko.xz" > /tmp/module.ko
    unsigned_bytes=$(unsigned_size /tmp/module.ko)
    head -c "$unsigned_bytes" /tmp/module.ko > "$rd/mod/$(basename $module).ko"
    basename $module >> "$rd/mod/$list"
  done
}
add_modules order net/core/failover drivers/net/net_failover drivers/net/virtio_net drivers/block/virtio_blk \
  drivers/char/hw_random/virtio-rng fs/nls/nls_cp437 fs/nls/nls_ascii fs/nls/nls_utf8 fs/nls/nls_iso8859-1 fs/fat/fat fs/fat/vfat \
  fs/isofs/isofs drivers/input/evdev drivers/acpi/button
# Loaded by who needs them: while read -r m; do insmod /mod/$m.ko; done < /mod/vlan
add_modules vlan net/llc/llc net/802/stp net/802/garp net/802/mrp net/8021q/8021q
# Loaded by who looks for disks on other buses.
add_modules disks drivers/scsi/scsi_common drivers/scsi/scsi_mod drivers/scsi/sd_mod drivers/scsi/virtio_scsi drivers/ata/libata \
  drivers/ata/libahci drivers/ata/ahci
# Mounted by who looks at the firmware's variables.
add_modules efi fs/efivarfs/efivarfs
# Loaded when the guest is up: no boot waits for its agent.
add_modules agent drivers/char/virtio_console
for file in /usr/sbin/{dropbear,qemu-ga} $(ldd /usr/sbin/{dropbear,qemu-ga} | grep -o '\s/[^ ]*' | grep -v ':$' | sort -u); do
  mkdir -p "$rd$(dirname "$file")"
  cp -L "$file" "$rd$file"
done
echo 'root:x:0:0:root:/root:/bin/sh' > $rd/etc/passwd
echo 'root:*:20000:0:99999:7:::' > $rd/etc/shadow
echo /bin/sh > $rd/etc/shells
install -m 755 /srv/init.sh $rd/init
install -m 755 /srv/dhcp.sh $rd/etc/dhcp.sh
install -m 755 /srv/dhcp6.sh $rd/etc/dhcp6.sh
install -D -m 755 /srv/chpasswd.sh $rd/usr/sbin/chpasswd
install -D -m 755 /srv/power-button.sh $rd/etc/acpi/PWRF/00000080
(cd $rd && find . | sort | busybox cpio -o -H newc 2>/dev/null | gzip -9n) > /tmp/initrd.gz
cp $kernel/boot/vmlinuz-* /tmp/vmlinuz

disk=/mnt/guest.raw
sectors=$(((size_mib - 1) * 2048))
truncate -s ${size_mib}M $disk
dd if=/usr/lib/syslinux/mbr/mbr.bin of=$disk conv=notrunc status=none
# One active FAT16 (0x0e) partition from sector 2048: bootable flag, CHS (unused), type, CHS, first sector, count; little endian.
little_endian() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }
printf "\x80\xfe\xff\xff\x0e\xfe\xff\xff$(little_endian 2048)$(little_endian $sectors)" |
  dd of=$disk bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of=$disk bs=1 seek=510 conv=notrunc status=none
mformat -i $disk@@1M -T $sectors -h 64 -s 32 -H 2048 -N 4e455048 -v GUEST ::
printf 'DEFAULT l\nPROMPT 0\nLABEL l\n LINUX /vmlinuz\n INITRD /initrd.gz\n APPEND %s\n' "$options" > /tmp/syslinux.cfg
mcopy -i $disk@@1M /tmp/vmlinuz /tmp/initrd.gz /tmp/syslinux.cfg ::
mmd -i $disk@@1M ::/EFI ::/EFI/BOOT
mcopy -i $disk@@1M $kernel/usr/lib/shim/shimx64.efi.signed ::/EFI/BOOT/BOOTX64.EFI
mcopy -i $disk@@1M $kernel/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed ::/EFI/BOOT/grubx64.efi
# Where GRUB was signed to look.
mmd -i $disk@@1M ::/EFI/debian
printf 'linux /vmlinuz %s\ninitrd /initrd.gz\nboot\n' "$options" > /tmp/grub.cfg
mcopy -i $disk@@1M /tmp/grub.cfg ::/EFI/debian/
syslinux --install --offset $((2048 * 512)) $disk
qemu-img convert -c -f raw -O qcow2 $disk /mnt/guest.qcow2
