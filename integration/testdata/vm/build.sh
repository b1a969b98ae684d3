#!/bin/sh
# Builds, from Debian packages alone, a virtual machine with systemd, control
# groups of version 2, auditd and Docker: DIR/vmlinuz, DIR/ird.gz, DIR/root.img.
# What it runs comes as a tar on its second disk: job.sh and what that needs.
# Usage: build.sh DIR
set -eu
dir=$1
mkdir -p "$dir" && cd "$dir"
k=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
if [ ! -d kernel ]; then
	rm -rf kernel.part && apt-get download "$k"
	dpkg -x "$k"_*.deb kernel.part && rm -f "$k"_*.deb && mv kernel.part kernel
fi
v=$(ls kernel/lib/modules)
if [ ! -e rootfs/done ]; then
	rm -rf rootfs
	mirror=$(sed -n 's/^URIs: *//p; s/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,auditd,kmod,udev,docker.io,runc,busybox-static,e2fsprogs \
		bookworm rootfs "${mirror:-http://deb.debian.org/debian}"
	touch rootfs/done
fi
mkdir -p rootfs/usr/lib/modules
[ -d "rootfs/usr/lib/modules/$v" ] || cp -a "kernel/lib/modules/$v" rootfs/usr/lib/modules/
chroot rootfs depmod "$v"
# The job is what is booted into: nothing else runs besides what it needs.
cat > rootfs/etc/systemd/system/job.service <<'U'
[Unit]
Wants=auditd.service
Requires=docker.service
After=auditd.service docker.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'mkdir -p /job; tar xf /dev/vdb -C /job; cd /job; sh ./job.sh; echo VM-END; sync; poweroff -f'
U
mkdir -p rootfs/etc/docker
echo '{"bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false}' > rootfs/etc/docker/daemon.json
sed -i 's/^log_format = .*/log_format = RAW/' rootfs/etc/audit/auditd.conf
rm -f rootfs/etc/audit/rules.d/*
echo vm > rootfs/etc/hostname
rm -f root.part && truncate -s 1800M root.part && mkfs.ext4 -q -F -d rootfs root.part

rm -rf ird && mkdir -p ird/bin ird/m ird/r ird/proc ird/dev && cp rootfs/bin/busybox ird/bin/
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk crc16 mbcache jbd2 crc32c_generic libcrc32c ext4; do
	find "kernel/lib/modules/$v" -name "$m.ko" -exec cp {} ird/m/ \;
done
cat > ird/init <<'I'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk crc16 mbcache jbd2 crc32c_generic libcrc32c ext4; do
	[ ! -e /m/$m.ko ] || /bin/busybox insmod /m/$m.ko
done
n=0
until [ -b /dev/vda ] || [ $n -gt 100 ]; do /bin/busybox sleep 0.1; n=$((n + 1)); done
/bin/busybox mount -t ext4 /dev/vda /r
exec /bin/busybox switch_root /r /lib/systemd/systemd
I
chmod 755 ird/init
(cd ird && find . | cpio -o -H newc 2>/dev/null) | gzip > ird.gz
cp "kernel/boot/vmlinuz-$v" vmlinuz
mv root.part root.img
