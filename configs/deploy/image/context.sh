#!/bin/sh
# Lays out what the Dockerfile copies: context.sh FOLDER BINARY. The folder is made anew.
set -e
here=$(dirname "$0")
rm -rf "$1"
mkdir -p "$1/empty" "$1/rules"
cp "$2" "$1/tallyman"
cp "$here/Dockerfile" "$here/tallyman.yaml" "$1/"
cp "$here"/../../rules/*.yaml "$1/rules/"
cp "${CA_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}" "$1/ca-certificates.crt"
echo "tallyman:x:65532:65532:tallyman:/var/lib/tallyman:/" > "$1/passwd"
echo "tallyman:x:65532:" > "$1/group"
