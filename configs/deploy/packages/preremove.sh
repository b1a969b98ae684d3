#!/bin/sh
# Runs before the files go: `remove` from dpkg, 0 from rpm; an upgrade stops nothing.
set -e
if [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -d /run/systemd/system ]; then systemctl disable --now tallyman.service; fi
fi
