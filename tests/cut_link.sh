# Two machines, which are network namespaces, train until the link between them is cut.
# unshare --map-root-user --net bash cut_link.sh FOLDER, with a log in FOLDER/log.parquet
set -eu
folder=$1
train="python -m recbook.distributed --data $folder/log.parquet --epochs 100000 --embedding-dim 4
  --batch-size 64 --timeout 3 --checkpoint $folder/run"
unshare --net sleep 300 &
there=$!
trap 'kill $there' EXIT
until [ "$(readlink /proc/$there/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add cable0 type veth peer name cable1 netns $there
for here in 0 1; do
  in=$([ $here = 0 ] || echo "nsenter --target $there --net")
  $in ip address add 10.9.9.$((here + 1))/24 dev cable$here
  $in ip link set lo up
  $in ip link set cable$here up
done
export MASTER_ADDR=10.9.9.1 MASTER_PORT=29400 WORLD_SIZE=2 LOCAL_RANK=0
RANK=0 GLOO_SOCKET_IFNAME=cable0 $train 2> "$folder/said-0" &
first=$!
RANK=1 GLOO_SOCKET_IFNAME=cable1 nsenter --target $there --net $train 2> "$folder/said-1" &
second=$!
until [ -e "$folder/run/process-0.pt" ]; do sleep 0.1; kill -0 $first $second; done
ip link set cable0 down
cut=$SECONDS
wait $first && exit 3 || echo "process 0 ended with $?"
wait $second && exit 3 || echo "process 1 ended with $?"
echo "seconds $((SECONDS - cut))"
