#!/bin/sh
# Nodes of managed instance groups of Google Compute Engine. The group deletes the
# instance and lowers its own target size: an instance that is deleted without the
# group is made again, and a smaller size alone chooses at random.
# Needs jq and gcloud, with the role roles/compute.instanceAdmin.v1.
set -eu

question=$(cat)
field() { printf '%s' "$question" | jq -r --arg name "$1" '.[$name] // ""'; }
again=75

if [ "$1" = add ]; then
  # The group as projects/P/zones/Z/instanceGroupManagers/NAME, in HOOK_MIG.
  : "${HOOK_MIG:?which managed instance group?}"
  from=$(field from) to=$(field to)
  now=$(gcloud compute instance-groups managed describe "$HOOK_MIG" --format='value(targetSize)')
  [ "$now" = "$to" ] && exit 0
  if [ "$now" != "$from" ]; then
    echo "the target size of $HOOK_MIG is $now, not $from"
    exit 1
  fi
  exec gcloud compute instance-groups managed resize "$HOOK_MIG" --size="$to" --quiet
fi

# gce://PROJECT/ZONE/NAME
provider=$(field providerID)
instance=${provider##*/}
rest=${provider%/*}
zone=${rest##*/}
rest=${rest%/*}
project=${rest##*/}

if ! found=$(gcloud compute instances describe "$instance" --project="$project" --zone="$zone" --format=json 2>&1); then
  case $found in
  *"was not found"*) exit 0 ;;
  *)
    echo "$found"
    exit 1
    ;;
  esac
fi

case $1 in
status)
  echo "$instance is there"
  exit $again
  ;;
remove)
  # projects/NUMBER/zones/ZONE/instanceGroupManagers/NAME, or regions.
  manager=$(printf '%s' "$found" | jq -r '[.metadata.items[]? | select(.key == "created-by") | .value][0] // ""')
  case $manager in
  */zones/*/instanceGroupManagers/*) where=--zone=$zone ;;
  */regions/*/instanceGroupManagers/*) where=--region=${zone%-*} ;;
  *)
    echo "$instance is of no managed instance group"
    exit 1
    ;;
  esac
  action=$(gcloud compute instance-groups managed list-instances "${manager##*/}" --project="$project" "$where" --format=json |
    jq -r --arg name "$instance" '[.[] | select(.instance | endswith("/" + $name)) | .currentAction][0] // ""')
  [ "$action" = DELETING ] && exit 0
  exec gcloud compute instance-groups managed delete-instances "${manager##*/}" --instances="$instance" --project="$project" "$where" --quiet
  ;;
*)
  echo "$1 is not known"
  exit 1
  ;;
esac
