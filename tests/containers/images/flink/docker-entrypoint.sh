#!/usr/bin/env bash
# What the public image's entry point does, as far as it can be told from outside: jemalloc, built-in plugins,
# settings out of the environment into conf/config.yaml, then the component, as the user flink.
home=${FLINK_HOME:-/opt/flink}
settings=()

set_option() { settings+=("-D$1=$2"); }

jemalloc=/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so
if [ "${DISABLE_JEMALLOC:-false}" = false ] && [ -f "$jemalloc" ]; then
  export LD_PRELOAD=$LD_PRELOAD:$jemalloc
fi

for jar in ${ENABLE_BUILT_IN_PLUGINS//;/ }; do
  [ -e "$home/opt/$jar" ] || { echo "Plugin $jar does not exist. Exiting."; exit 1; }
  mkdir -p "$home/plugins/${jar%.jar}"
  ln -fs "$home/opt/$jar" "$home/plugins/${jar%.jar}"
done

set_option jobmanager.rpc.address "${JOB_MANAGER_RPC_ADDRESS:-$(hostname -f)}"
set_option blob.server.port 6124
set_option query.server.port 6125
[ -z "$TASK_MANAGER_NUMBER_OF_TASK_SLOTS" ] ||
  set_option taskmanager.numberOfTaskSlots "$TASK_MANAGER_NUMBER_OF_TASK_SLOTS"
while IFS= read -r line; do
  # The public image drops all white space of a line, too.
  line=$(tr -d '[:space:]' <<<"$line")
  [ -z "$line" ] || set_option "${line%%:*}" "$(envsubst <<<"${line#*:}")"
done <<<"$FLINK_PROPERTIES"
"$home/bin/config-parser-utils.sh" "$home/conf" "$home/bin" "$home/lib" "${settings[@]}"

as_flink=()
[ "$(id -u)" != 0 ] || as_flink=(gosu flink)
component=$1
case $component in
  jobmanager | taskmanager | standalone-job) script=$component.sh ;;
  history-server) script=historyserver.sh ;;
  help)
    echo "Usage: docker-entrypoint.sh (jobmanager|standalone-job|taskmanager|history-server)"
    exit 0
    ;;
  *) exec "${as_flink[@]}" "$@" ;;
esac
shift
exec "${as_flink[@]}" "$home/bin/$script" start-foreground "$@"
