#!/bin/bash
# start-foreground, and status as the public script has it: the four-letter word srvr.
case $1 in
  start-foreground)
    exec java ${JVMFLAGS:-} ${SERVER_JVMFLAGS:-} -Xmx${ZK_SERVER_HEAP:-1000}m -cp "$ZOOCFGDIR:/apache-zookeeper/lib/*" \
      -Dzookeeper.log.dir="$ZOO_LOG_DIR" org.apache.zookeeper.server.quorum.QuorumPeerMain "$ZOOCFGDIR/zoo.cfg"
    ;;
  status)
    echo srvr | nc -w 2 localhost 2181 | grep Mode || { echo "Error contacting service." >&2; exit 1; }
    ;;
  *)
    echo "Usage: zkServer.sh {start-foreground|status}" >&2
    exit 1
    ;;
esac
