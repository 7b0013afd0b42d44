#!/bin/sh
# Starts nats-server in its container, if it may read what it was given, on the streams of before.
for file in /etc/nats/nats.conf /etc/nats/deploy/nats/*.conf /certificates/*; do
    if [ -e "$file" ] && ! [ -r "$file" ]; then
        echo "mapstream: user $(id -u):$(id -g), who is RUN_AS in .env, may not read $file." \
            "On the machine that has it, make it readable (chmod 644) in a folder that nobody" \
            "else may enter (chmod 700), or give it to that user (chown $(id -u):$(id -g))." >&2
        exit 2
    fi
done

# Before users had accounts of their own, the streams were in the one that every server has. In a
# cluster the servers have written down in which account a stream is: docs/deploy.md, Upgrade.
streams=${NATS_STORE:-/data}/jetstream
if [ -d "$streams/\$G" ] && ! [ -e "$streams/MAPSTREAM" ] && ! [ -e "$streams/\$SYS" ]; then
    mv "$streams/\$G" "$streams/MAPSTREAM"
    echo "mapstream: moved the streams to account MAPSTREAM" >&2
fi
exec nats-server "$@"
