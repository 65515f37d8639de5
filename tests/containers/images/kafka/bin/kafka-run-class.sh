#!/bin/bash
# Starts a class of Kafka with the options that the public scripts know.
base=$(cd "$(dirname "$0")/.." && pwd)
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseG1GC -XX:MaxGCPauseMillis=20} \
  ${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=$base/config/tools-log4j2.yaml} \
  -Dkafka.logs.dir="$base/logs" ${KAFKA_JMX_OPTS:-} -cp "$base/libs/*" ${KAFKA_OPTS:-} "$@"
