# Runs in the machine: loads the rules, has containers work, prints what came of it.
echo "CGROUP $(stat -fc %T /sys/fs/cgroup)"
echo "KERNEL $(uname -r)"
# The kernel takes a rule only where what it watches, or its folder, is there.
mkdir -p $(sed -n 's/.*-F dir=\([^ ]*\).*/\1/p' audit.rules) $(sed -n 's,.*-F path=\([^ ]*\)/[^ /]*\( .*\)*$,\1,p' audit.rules)
cp audit.rules /etc/audit/rules.d/60-tallyman.rules
augenrules --load > load.txt 2>&1
sed 's/^/LOAD /' load.txt
auditctl -l > list.txt
sed 's/^/RULE /' list.txt
./tallyman audit-rules check --loaded list.txt > check.txt 2>&1
echo "CHECK-CODE $?"
sed 's/^/CHECK /' check.txt
./tallyman audit-rules check > asked.txt 2>&1 || sed 's/^/ASKED /' asked.txt
./tallyman run --config tallyman.yaml > tallyman.log 2>&1 &
t=$!
n=0
until grep -q started tallyman.log || [ $n -gt 300 ]; do sleep 0.1; n=$((n + 1)); done
sleep 2 # until /proc is read: nothing outside shows when
docker import image.tar vm:1 > /dev/null
docker run -d --name long --network=none --user 20981 --cidfile 20981 vm:1 /bin/sleep 600 > /dev/null
for i in 1 2; do docker exec --user 20981 long /bin/sh -c '/bin/true; (/bin/true; /bin/true) & wait; (/bin/true &) ; /bin/true'; done
for u in 20982 20983; do
	docker run --network=none --user $u --cidfile $u vm:1 /bin/sh -c '/bin/true; (/bin/true; /bin/true) & wait; (/bin/true &) ; /bin/true'
done
setpriv --reuid 20998 --regid 20998 --clear-groups /bin/sh -c 'i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i + 1)); done'
for u in 2098[0-9]; do echo "CONTAINER $u $(cat $u)"; done
sleep 5
kill $t
wait $t
sed 's/^/LOG /' tallyman.log
grep -E '"user":\{.*"id":"209(8[0-9]|98)"' out.json | sed 's/^/EVENT /'
