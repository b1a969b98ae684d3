#!/bin/sh
# Runs after the files went. The journal holds what no destination has yet, and the
# record of the host: no removal, and no purge, deletes it. Its user stays with it.
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$1" = purge ] || [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -n "$(ls -A /var/lib/tallyman 2>/dev/null)" ]; then
		echo "tallyman: the journal stays in /var/lib/tallyman; delete it yourself once nothing in it is needed."
	fi
fi
