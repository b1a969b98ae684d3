#!/bin/sh
# Runs after installation and upgrade: `configure` from dpkg; 1 or 2 from rpm.
set -e
if ! getent group tallyman >/dev/null; then groupadd --system tallyman; fi
if ! getent passwd tallyman >/dev/null; then
	useradd --system --gid tallyman --home-dir /var/lib/tallyman --no-create-home \
		--shell /usr/sbin/nologin --comment "tallyman" tallyman
fi
# The service reads its configuration, and nobody else the references to secrets in it.
chgrp tallyman /etc/tallyman/tallyman.yaml
for dir in /var/lib/tallyman /var/log/tallyman; do
	if [ ! -d "$dir" ]; then install -d -m 0700 -o tallyman -g tallyman "$dir"; fi
done
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# An upgrade goes on with what ran; an installation starts nothing by itself.
	systemctl try-restart tallyman.service
fi
if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "$2" ]; }; then
	echo "tallyman is installed and does not run yet. Look at /etc/tallyman/tallyman.yaml, then:"
	echo "  tallyman validate && systemctl enable --now tallyman"
fi
