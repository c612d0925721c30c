# A hold: what holds a container still, and lets it go if nobody else does. For dash, bash and busybox's ash.
#
# $1 is this text, $2 what to do, $3 the hold's folder where it is known. Above it are run, token, place, root1, root2, ttl, timeout,
# probes, program1 and program2, and the actions: the functions freeze, release and probe. docs/backing-up.md has why it is as it is.
#
# In the folder, each made once and never taken back:
#   watchdog       who counts: its process, and when that began
#   freeze.pid     the process group of the freeze, freeze.code what it ended with, freeze.said the first that it said
#   frozen/        it ended well
#   end/           the hold is over, and word says by whom; who makes it is the one who ends it
#   thawed/        the release ended well: all is as it was
# Words for who asked are whole lines on stdout; what the actions say is on stderr.

text=$1 role=$2 hold=${3-}
umask 077

# began prints when a process began, in ticks since the system did. One that has ended, waited for or not, has not begun.
began() {
	[ -r "/proc/$1/stat" ] && read -r line <"/proc/$1/stat" || return
	# What comes before is the program's name, which may hold anything.
	set -- ${line##*) }
	case ${1-Z} in Z | X) return 1 ;; esac
	[ "$#" -ge 20 ] && shift 19 && printf '%s\n' "$1"
}

locate() {
	for root in "$root1" "$root2"; do
		hold=$root/$place.$run.$born
		[ -d "$hold" ] && return
	done
	return 1
}

make() {
	for root in "$root1" "$root2"; do
		hold=$root/$place.$run.$born
		mkdir "$hold" 2>/dev/null && return
		[ -d "$hold" ] && return 1
	done
	return 1
}

# apart becomes a session of its own, and a process group: nothing that ends whoever asked for it ends it. It is for a subshell, which
# would hold our streams open if it waited.
apart() {
	exec </dev/null 2>/dev/null
	exec setsid sh -c 'eval "$1"' kubectl-fleet "$text" "$1" "$hold"
}

# act runs an action away from our streams and prints its exit code as soon as it ends, whatever it has left running. What it says is
# kept to a bound, and read to its end.
act() {
	{
		{
			("$1" </dev/null) 3>&-
			printf '%s\n' "$?" >&3
		} 2>&1 | keep "$1" >/dev/null 2>&1 3>&- &
	} 3>&1 | {
		read -r code
		printf '%s\n' "$code"
	}
}

keep() {
	head -c 2048 >"$hold/$1.said"
	cat
}

# tell says why an action failed.
tell() {
	[ -s "$hold/$1.said" ] || sleep 1
	cat "$hold/$1.said" >&2
}

# doing runs an action by which a hold begins or ends, as this process group. A freeze that finds the hold over does not begin: it says
# first which group it is, and whoever ends a hold says so first, so that one of the two sees the other.
doing() {
	printf '%s\n' "$$" >"$hold/$1.pid" || [ "$1" = release ] || return
	[ "$1" = freeze ] && [ -d "$hold/end" ] && return
	code=$(act "$1")
	[ "$1$code" = freeze0 ] && mkdir "$hold/frozen"
	printf '%s\n' "$code" >"$hold/$1.code"
	(printf '%s\n' "$code") # by another process: that nobody listens any more kills it
}

# quit ends an action that still runs, and what it has started.
quit() {
	[ -s "$hold/$1.pid" ] && [ ! -s "$hold/$1.code" ] || return
	read -r group <"$hold/$1.pid"
	kill -9 "-$group" 2>/dev/null
}

# clear makes way for a release: no freeze comes any more, and no other release runs.
clear() {
	quit freeze
	quit release
	rm -f "$hold/release.pid" "$hold/release.code"
}

# await gives a release its time.
await() {
	waited=0
	while [ "$waited" -lt "$timeout" ] && [ ! -s "$hold/release.code" ] && [ ! -d "$hold/thawed" ]; do
		sleep 1
		waited=$((waited + 1))
	done
}

# watch is the deadman.
watch() {
	printf '%s %s\n' "$$" "$(began "$$")" >"$hold/watchdog" || return
	(printf 'armed\n')
	apart freezing &
	exec >/dev/null
	count=0
	# Seconds that were slept: it can be late, never early.
	while [ "$count" -lt "$ttl" ] && [ ! -d "$hold/thawed" ] && sleep 1; do
		count=$((count + 1))
	done
	if mkdir "$hold/end" 2>/dev/null; then
		printf 'fired\n' >"$hold/word"
	else
		await # whoever has ended it is about to thaw, or has died
	fi
	tries=20
	while [ "$tries" -gt 0 ] && [ ! -d "$hold/thawed" ]; do
		tries=$((tries - 1))
		[ -d "$hold" ] || tries=0 # another hand has removed it: this once, since nothing can be remembered
		clear
		apart thawing &
		await
		[ -s "$hold/release.code" ] && read -r code <"$hold/release.code" && [ "$code" = 0 ] && mkdir "$hold/thawed"
	done
	quit release
	wait
}

watched() {
	[ -s "$hold/watchdog" ] && read -r pid since <"$hold/watchdog" && [ -n "$since" ] && [ "$(began "$pid")" = "$since" ]
}

# still asks the probe, where there is one.
still() {
	[ "$probes" = 0 ] && return
	code=$(act probe)
	[ "$code" = 0 ]
}

# sweep removes what is left of earlier runs. One that is watched still is left, since its deadman would not find that all is well.
sweep() {
	here=$hold
	for hold in "$root1/$place."* "$root2/$place."*; do
		[ -d "$hold/thawed" ] && ! watched && rm -rf "$hold"
	done
	hold=$here
}

arm() {
	for tool in cat head mkdir rm setsid sleep "$program1" "$program2"; do
		command -v "$tool" >/dev/null || { printf 'lacks %s %s\n' "$run" "$tool" && return; }
	done
	locate && printf 'exists %s %s\n' "$run" "$hold" && return
	sweep
	make || { printf 'lacks %s %s\n' "$run" "a folder to write to" && return; }
	{ apart watch & } | {
		read -r word
		[ "$word" = armed ] || return
		printf 'armed %s %s\n' "$run" "$hold"
		read -r code
		if [ "$code" != 0 ]; then
			printf 'unfrozen %s freeze %s\n' "$run" "$code"
			tell freeze
		elif ! still; then
			printf 'unfrozen %s probe %s\n' "$run" "$code"
			tell probe
		elif [ ! -d "$hold/end" ]; then
			printf 'frozen %s\n' "$run"
		fi
	}
}

# ended says who has ended it.
ended() {
	[ -s "$hold/word" ] || sleep 1 # who has ended it just now is about to say so
	word=
	[ -s "$hold/word" ] && read -r word <"$hold/word"
	set -- ${word:-ended}
	printf '%s %s %s\n' "$1" "$run" "${2-}"
}

check() {
	if ! locate; then
		printf 'none %s\n' "$run"
	elif [ -d "$hold/end" ]; then
		ended
	elif ! watched; then
		printf 'unwatched %s\n' "$run"
	elif [ ! -d "$hold/frozen" ]; then
		printf 'unfrozen %s freeze\n' "$run"
	elif ! still; then
		printf 'unfrozen %s probe %s\n' "$run" "$code"
		tell probe
	elif [ -d "$hold/end" ]; then
		ended
	else
		printf 'frozen %s\n' "$run"
	fi
}

# free ends the hold, thaws, and says both. Where there is none it makes one that is over, so that a freeze which is still on its way
# finds that it is too late.
free() {
	locate || make || locate || { printf 'lacks %s %s\n' "$run" "a folder to write to" && return; }
	if mkdir "$hold/end" 2>/dev/null; then
		if [ -e "$hold/watchdog" ]; then word="released $token"; else word=none; fi
		printf '%s\n' "$word" >"$hold/word"
	fi
	ended
	if [ -d "$hold/thawed" ]; then
		code=0
	else
		clear
		code=$({ apart thawing & } | { read -r code && printf '%s\n' "$code"; })
		[ "$code" = 0 ] && mkdir "$hold/thawed" 2>/dev/null
	fi
	if [ "$code" != 0 ]; then
		printf 'unthawed %s %s\n' "$run" "$code"
		tell release
	else
		printf 'thawed %s\n' "$run"
	fi
	[ "$probes" = 1 ] && still && printf 'held %s\n' "$run"
}

case $role in
watch) watch ;;
freezing) doing freeze ;;
thawing) doing release ;;
*)
	born=$(began 1)
	if [ -z "$born" ]; then
		printf 'lacks %s /proc\n' "$run"
	else
		"$role"
	fi
	;;
esac
exit 0 # what it comes to was said
