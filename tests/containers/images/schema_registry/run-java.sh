#!/bin/bash
exec java -XX:MaxRAMPercentage=80 ${JAVA_OPTIONS:-} ${JAVA_OPTS:-} ${JAVA_OPTS_APPEND:-} -jar /deployments/quarkus-run.jar
