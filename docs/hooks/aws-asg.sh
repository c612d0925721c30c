#!/bin/sh
# Nodes of AWS Auto Scaling groups. The instance is terminated and the group's desired
# capacity lowered by one call, so that no other instance is chosen and none is made.
# Needs jq, and the AWS CLI with the rights ec2:DescribeInstances and
# autoscaling:{DescribeAutoScalingInstances,DescribeAutoScalingGroups,
# TerminateInstanceInAutoScalingGroup,SetDesiredCapacity}.
set -eu

question=$(cat)
field() { printf '%s' "$question" | jq -r --arg name "$1" '.[$name] // ""'; }
again=75

describe_group() {
  aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$1" --query 'AutoScalingGroups[0]' --output json
}

if [ "$1" = add ]; then
  group=$(field group) from=$(field from) to=$(field to)
  now=$(describe_group "$group" | jq -r .DesiredCapacity)
  [ "$now" = "$to" ] && exit 0
  if [ "$now" != "$from" ]; then
    echo "the desired capacity of $group is $now, not $from"
    exit 1
  fi
  exec aws autoscaling set-desired-capacity --auto-scaling-group-name "$group" --desired-capacity "$to"
fi

# aws:///eu-west-1a/i-0123456789abcdef0
provider=$(field providerID)
instance=${provider##*/}
zone=${provider%/*}
zone=${zone##*/}
AWS_REGION=${zone%?}
export AWS_REGION

# An instance that was terminated is forgotten after an hour.
if ! state=$(aws ec2 describe-instances --instance-ids "$instance" --query 'Reservations[].Instances[].State.Name' --output text 2>&1); then
  case $state in
  *InvalidInstanceID.NotFound*) state=terminated ;;
  *)
    echo "$state"
    exit 1
    ;;
  esac
fi

case $1 in
status)
  [ "$state" = terminated ] && exit 0
  echo "$instance is $state"
  exit $again
  ;;
remove)
  case $state in terminated | shutting-down) exit 0 ;; esac
  member=$(aws autoscaling describe-auto-scaling-instances --instance-ids "$instance" --query 'AutoScalingInstances[0]' --output json)
  case $(printf '%s' "$member" | jq -r '.LifecycleState // "None"') in
  Terminating*) exit 0 ;;
  None)
    echo "$instance is in no Auto Scaling group"
    exit 1
    ;;
  esac
  group=$(printf '%s' "$member" | jq -r .AutoScalingGroupName)
  if ! describe_group "$group" | jq -e '[.SuspendedProcesses[].ProcessName] | index("AZRebalance")' >/dev/null; then
    echo "$group may terminate another instance to even out its zones: aws autoscaling suspend-processes --auto-scaling-group-name $group --scaling-processes AZRebalance"
    exit 1
  fi
  exec aws autoscaling terminate-instance-in-auto-scaling-group --instance-id "$instance" --should-decrement-desired-capacity
  ;;
*)
  echo "$1 is not known"
  exit 1
  ;;
esac
