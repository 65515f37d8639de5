#!/bin/bash
exec java -cp "$ZOOCFGDIR:/apache-zookeeper/lib/*" org.apache.zookeeper.ZooKeeperMain "$@"
