#!/bin/bash
# Boots a node: Docker, the pool's image, a unit that runs it, and one that hands its sessions over when the machine
# is to go. CloudFormation fills in what stands in braces; the shell's own have an exclamation mark.
set -euo pipefail
dnf install -y docker amazon-ecr-credential-helper
systemctl enable --now docker
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
about() { curl -fsS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }
address=$(about local-ipv4)
instance=$(about instance-id)
image='${PoolImage}'
install -d -m 0700 /etc/linkpool
umask 077
cat >/etc/linkpool/pool.env <<ENVIRONMENT
POOL_SECRET=$(aws secretsmanager get-secret-value --region '${AWS::Region}' --secret-id '${PoolSecret}' --query SecretString --output text)
NODE_ID=$instance
POOL_URL=http://$address:8100
POOL_HOST=$address
FUNCTIONS_URL=${HttpApi.ApiEndpoint}
SNAPSHOT_URL=s3://${Snapshots}/profiles
SNAPSHOT_KEY=aws-kms:${Key.Arn}
REGION=${AWS::Region}
AWS_REGION=${AWS::Region}
AWS_DEFAULT_REGION=${AWS::Region}
ON_STOP=drain
ENVIRONMENT
registry=${!image%%/*}
case "$registry" in
*.dkr.ecr.*) printf '{"credHelpers": {"%s": "ecr-login"}}\n' "$registry" >/etc/linkpool/config.json ;;
esac
# Without the profile, which lies in the image, Docker forbids the user namespaces of Chromium's sandbox.
cat >/etc/systemd/system/linkpool-pool.service <<UNIT
[Unit]
Description=linkpool browser pool
After=docker.service network-online.target
Requires=docker.service
[Service]
Environment=DOCKER_CONFIG=/etc/linkpool
ExecStartPre=-/usr/bin/docker rm --force linkpool-pool
ExecStartPre=/bin/sh -c '/usr/bin/docker run --rm --entrypoint cat $image deploy/seccomp/chromium.json >/etc/linkpool/chromium.json'
ExecStart=/usr/bin/docker run --name linkpool-pool --network host --env-file /etc/linkpool/pool.env \
  --read-only --tmpfs /tmp:size=256m --shm-size 1g --cap-drop ALL --pids-limit 8192 \
  --security-opt no-new-privileges --security-opt seccomp=/etc/linkpool/chromium.json \
  --volume linkpool:/var/lib/linkpool $image
ExecStop=/usr/bin/docker stop --time 150 linkpool-pool
TimeoutStartSec=900
TimeoutStopSec=180
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
UNIT
# The group says in the metadata that it wants this machine gone, and waits; see LeavingNode in fleet.yml.
cat >/usr/local/bin/linkpool-leave <<'LEAVE'
#!/bin/bash
set -uo pipefail
metadata=http://169.254.169.254/latest
target() {
    local token
    token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") &&
        curl -fsS -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/autoscaling/target-lifecycle-state"
}
until [ "$(target)" = Terminated ]; do sleep 5; done
systemctl stop linkpool-pool
aws autoscaling complete-lifecycle-action --region "$1" --auto-scaling-group-name "$2" \
    --lifecycle-hook-name "$3" --instance-id "$4" --lifecycle-action-result CONTINUE
LEAVE
chmod 0755 /usr/local/bin/linkpool-leave
cat >/etc/systemd/system/linkpool-leave.service <<UNIT
[Unit]
Description=hands the sessions over when this machine is to go
[Service]
ExecStart=/usr/local/bin/linkpool-leave '${AWS::Region}' 'linkpool-${Stage}' 'hand-over' '$instance'
Restart=on-failure
RestartSec=5
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now linkpool-pool linkpool-leave
