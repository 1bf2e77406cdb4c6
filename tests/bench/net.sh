#!/bin/bash
# Network figures beside their peers: medians of RUNS runs. Called by `make bench-net`.
#
# Each server is started here, on a port of its own, pinned to one core; the load runs on another. CPU and
# memory are the server process's own, from /proc. A peer that is not installed is left out and named.
set -e
RUNS=${RUNS:-5}
bin=build/bench
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
ulimit -n "$(ulimit -Hn)"
last=$(($(nproc) - 1))
load() { taskset -c 0 "$bin/net_load" "$@"; }
median() { sort -g | sed -n "$(((RUNS + 1) / 2))p"; }
field() { sed -n "s/.*$1=\([0-9.]*\).*/\1/p"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }

# start NAME COMMAND...: sets pid and port
start() {
    local name=$1
    shift
    mkfifo "$work/$name.in"
    taskset -c "$last" "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    pids+=("$pid")
    exec {hold}>"$work/$name.in"
    for _ in $(seq 100); do
        port=$(head -1 "$work/$name.out")
        [ -n "$port" ] && return
        sleep 0.05
    done
    cat "$work/$name.err"
    exit 1
}

# runs FIELD... -- ARGS: medians of the fields, in order
runs() {
    local fields=()
    while [ "$1" != -- ]; do
        fields+=("$1")
        shift
    done
    shift
    for _ in $(seq "$RUNS"); do load "$@"; done >"$work/runs"
    for f in "${fields[@]}"; do field "$f" <"$work/runs" | median; done
}

small_get() {
    local ours peer
    start get "$bin/net_server" 1
    ours=($(runs cpu_us rps -- get "$pid" "$port" /small 32 100000))
    kill "$pid"
    echo "small GET, keep-alive    eidolon  ${ours[0]} us CPU a request, ${ours[1]} requests/s"
    if ! nginx=$(PATH=$PATH:/usr/sbin command -v nginx); then
        echo "                         nginx is not installed (apt-get install nginx-light)"
        return
    fi
    port=$((20000 + RANDOM % 10000))
    body=$(head -c 200 /dev/zero | tr '\0' x)
    cat >"$work/nginx.conf" <<CONF
daemon off; master_process off; worker_processes 1; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; tcp_nodelay on;
    client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work; uwsgi_temp_path $work;
    scgi_temp_path $work;
    server { listen 127.0.0.1:$port; default_type text/plain;
        location = /small { return 200 "$body"; } } }
CONF
    taskset -c "$last" "$nginx" -c "$work/nginx.conf" 2>/dev/null &
    pid=$!
    pids+=("$pid")
    sleep 0.5
    peer=($(runs cpu_us rps -- get "$pid" "$port" /small 32 100000))
    kill "$pid"
    echo "                         nginx    ${peer[0]} us CPU a request, ${peer[1]} requests/s"
    echo "                         ratio    $(ratio "${ours[0]}" "${peer[0]}") (CPU, ours to nginx)"
}

broadcast() {
    local ours peer
    start cast "$bin/net_server" 1
    ours=($(RUNS=3 runs cpu_us user_us p50_ms p99_ms delivered -- cast "$pid" "$port" 2000 100 200))
    kill "$pid"
    echo "broadcast, 2000 at 50/s  eidolon  ${ours[0]} us CPU a message (${ours[1]} of them its own, the rest the kernel's), p50 ${ours[2]} ms, p99 ${ours[3]} ms, ${ours[4]} of 200000"
    local modules=${MODULES:-$PWD/tests/package.json}
    if ! node -e "require('module').createRequire('$modules')('ws')" 2>/dev/null; then
        echo "                         npm's ws is not installed (npm --prefix tests ci)"
        return
    fi
    start peer node tests/bench/ws_peer.mjs "$modules"
    peer=($(RUNS=3 runs cpu_us user_us p50_ms p99_ms delivered -- cast "$pid" "$port" 2000 100 200))
    kill "$pid"
    echo "                         ws       ${peer[0]} us CPU a message (${peer[1]}), p50 ${peer[2]} ms, p99 ${peer[3]} ms, ${peer[4]} of 200000"
    echo "                         ratio    $(ratio "${ours[0]}" "${peer[0]}") (CPU, ours to ws)"
}

idle() {
    local args=() label="plain" count=$1
    shift
    if [ "$1" = tls ]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
            -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
        args=("$work/cert.pem" "$work/key.pem")
        label="TLS  "
    fi
    start "idle$1" "$bin/net_server" 1 "${args[@]}"
    local line
    line=$(load idle "$pid" "$port" "$count" "$@")
    kill "$pid"
    echo "idle WebSockets, $label   eidolon  $(field bytes_each <<<"$line") bytes resident each at $(field sockets <<<"$line"), $(field open_us <<<"$line") us to open one"
}

echo "network, one loop; $(nproc) cores; medians of $RUNS runs"
small_get
broadcast
limit=$(($(ulimit -n) - 200))
idle $((limit < 10000 ? limit : 10000))
idle $((limit < 10000 ? limit : 10000)) tls
