#!/bin/sh
# As the public image: secrets may come from files named by *_FILE, and are kept out of the command line.
mkdir -p "$JCLOUDS_FILESYSTEM_BASEDIR"
for name in S3PROXY_IDENTITY S3PROXY_CREDENTIAL JCLOUDS_IDENTITY JCLOUDS_CREDENTIAL; do
  eval "file=\${${name}_FILE:-}"
  [ -z "$file" ] || eval "$name=\$(cat \"\$file\")"
done
umask 077
cat > /tmp/s3proxy.properties <<SETTINGS
s3proxy.endpoint=$S3PROXY_ENDPOINT
s3proxy.authorization=$S3PROXY_AUTHORIZATION
s3proxy.identity=$S3PROXY_IDENTITY
s3proxy.credential=$S3PROXY_CREDENTIAL
s3proxy.ignore-unknown-headers=$S3PROXY_IGNORE_UNKNOWN_HEADERS
jclouds.provider=$JCLOUDS_PROVIDER
jclouds.identity=$JCLOUDS_IDENTITY
jclouds.credential=$JCLOUDS_CREDENTIAL
jclouds.endpoint=$JCLOUDS_ENDPOINT
jclouds.region=$JCLOUDS_REGION
jclouds.filesystem.basedir=$JCLOUDS_FILESYSTEM_BASEDIR
SETTINGS
[ -z "$S3PROXY_VIRTUALHOST" ] || echo "s3proxy.virtual-host=$S3PROXY_VIRTUALHOST" >> /tmp/s3proxy.properties
exec java -XX:MaxRAMPercentage=75 $S3PROXY_JAVA_OPTS -DLOG_LEVEL="$LOG_LEVEL" \
  -jar /opt/s3proxy/s3proxy --properties /tmp/s3proxy.properties
