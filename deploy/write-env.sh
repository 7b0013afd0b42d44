#!/bin/sh
# Writes what docker compose needs and is not there yet: .env, the secrets, the folder for the map.
# What is there stays, so it may be called again: after an update that asks for one more password, or
# after a password was changed in its file.
set -eu
cd "$(dirname "$0")/.."
umask 077

run_as=$(id -u):$(id -g)
[ "$(id -u)" != 0 ] || run_as=10001:10001
env_file=${ENV_FILE:-.env}
if [ -e "$env_file" ]; then
    echo "$env_file is there; it was left as it is"
else
    sed "s/^RUN_AS=\$/RUN_AS=$run_as/" .env.example > "$env_file"
    echo "wrote $env_file"
fi
of_env() { sed -n "s/^$1=//p" "$env_file" | tail -n 1; }

# Nobody else gets through the folder; in a container, any user may read the files that it is given.
secrets=$(of_env SECRETS_FOLDER)
secrets=${secrets:-./secrets}
mkdir -p "$secrets"
chmod 700 "$secrets"
names=$(sed -n 's#.*{file: "\${SECRETS_FOLDER:-./secrets}/\([a-z0-9-]*\)"}$#\1#p' \
    docker-compose.yml deploy/compose.*.yml | sort -u)
for name in $names; do
    [ ! -s "$secrets/$name" ] || continue
    old=$(of_env "$(echo "$name" | tr a-z- A-Z_)")
    printf '%s\n' "${old:-k$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')}" > "$secrets/$name"
    [ -z "$old" ] || echo "took $name from $env_file: delete its line there"
    echo "wrote $secrets/$name"
done

# The same for nats-server, which reads no files of single passwords. Written in place, since a
# container that runs sees the file, not its name.
for file in "$secrets"/nats-*-password; do
    name=$(basename "$file" -password)
    [ "$name" = nats-route ] || printf 'NATS_%s_PASSWORD: "%s"\n' \
        "$(echo "${name#nats-}" | tr a-z- A-Z_)" "$(cat "$file")"
done > "$secrets/nats-passwords.conf"
route=$(cat "$secrets/nats-route-password")
write_routes() {
    printf 'NATS_ROUTE_PASSWORD: "%s"\n' "$route"
    number=0
    for server; do
        number=$((number + 1))
        printf 'NATS_ROUTE_%s: "nats-route://route:%s@%s:6222"\n' "$number" "$route" "$server"  # pragma: allowlist secret
    done
}
write_routes nats nats-2 nats-3 > "$secrets/nats-routes.conf"
write_routes nats-0.nats-peers nats-1.nats-peers nats-2.nats-peers \
    > "$secrets/nats-routes-kubernetes.conf"
chmod 644 "$secrets"/*

umask 022
output=$(of_env OUTPUT_FOLDER)
output=${output:-./mapstream-out}
if [ ! -e "$output" ]; then
    mkdir -p "$output"
    [ "$(id -u)" != 0 ] || chown "$(of_env RUN_AS)" "$output"
    echo "made $output"
fi
echo "next: docker compose up --build --detach --wait"
