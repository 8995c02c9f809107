#!/bin/bash
# Boots a node: Docker, the pool's image, and a unit that hands its sessions over when the machine goes.
set -euo pipefail
dnf install -y docker
systemctl enable --now docker
token=$(curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
about() { curl -sS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }
install -d -m 0700 /etc/linkpool
umask 077
cat >/etc/linkpool/pool.env <<ENVIRONMENT
POOL_SECRET=$(aws secretsmanager get-secret-value --secret-id '${PoolSecret}' --query SecretString --output text)
NODE_ID=$(about instance-id)
POOL_URL=http://$(about local-ipv4):8100
POOL_HOST=0.0.0.0
FUNCTIONS_URL=${HttpApi.ApiEndpoint}
SNAPSHOT_URL=s3://${Snapshots}/profiles
SNAPSHOT_KEY=aws-kms:${Key.Arn}
REGION=${AWS::Region}
AWS_REGION=${AWS::Region}
DATA_DIR=/data
ON_STOP=drain
ENVIRONMENT
cat >/etc/systemd/system/linkpool-pool.service <<'UNIT'
[Unit]
Description=linkpool browser pool
After=docker.service network-online.target
Requires=docker.service
[Service]
ExecStartPre=-/usr/bin/docker rm -f linkpool-pool
ExecStart=/usr/bin/docker run --name linkpool-pool --init --network host --shm-size 1g \
  --env-file /etc/linkpool/pool.env --volume linkpool-data:/data ${PoolImage}
ExecStop=/usr/bin/docker stop --time 150 linkpool-pool
TimeoutStopSec=180
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now linkpool-pool
