"""Process 1 of the sandbox container. It starts the server, starts it again when something ended
it, and reaps.

    sandbox-init.py PROGRAM ARGUMENT...

Commands of a project run as the same user as the server, so they may signal it. Therefore
 * SIGTERM counts only when it comes from outside of this process namespace, that is, from the
   kubelet. The kernel drops the other signals, because process 1 has no handlers for them; it is
   never ended from inside.
 * A server that was ended or stopped is started again, after everything else in the namespace was
   killed. The Pod has `restartPolicy: Never`, so nobody else would do that.
 * The server's memory cannot be read or written by its own user (see `hide`).
Where this program is not process 1 (a developer's machine), it takes SIGTERM from anybody and kills
only its own descendants.
Exits with the server's code when it was told to end, or when the server does not come up.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
SI_USER = 0
KEY_DESCRIPTOR = 3
# The server closes within the time-out of a cleaning; the kubelet's own patience is 30 seconds.
SECONDS_TO_END = 10
SECONDS_BETWEEN_LOOKS = 5
# A server that ends by itself FUTILE_STARTS times in a row, each time within FUTILE_SECONDS, does
# not come up.
FUTILE_STARTS, FUTILE_SECONDS = 5, 5
# Queued signals that a process below may have pending. Were the whole quota of the user used up,
# the kernel would deliver a forged signal without its sender.
PENDING_SIGNALS = 1024

first = os.getpid() == 1
libc = ctypes.CDLL(None, use_errno=True)


def say(level, message, **fields):
    print(json.dumps({"level": level, "msg": message, **fields}), flush=True)


def loader_path():
    """The dynamic loader that this process itself was started with; None for a static Python."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if path.startswith("/") and os.path.basename(path).startswith("ld-"):
                return path
    return None


def hide(path):
    """A descriptor of a copy of the file at `path` that may be executed and not be read.

    The kernel makes a process that runs such a file undumpable: its own user can neither trace it
    nor open its /proc/PID/mem, so a command cannot rewrite the server. Node cannot ask for that
    itself.
    """
    copy = os.memfd_create("loader")
    with open(path, "rb") as source:
        while chunk := source.read(1 << 20):
            while chunk:
                chunk = chunk[os.write(copy, chunk) :]
    # The kernel executes no file that is open for writing.
    hidden = os.open(f"/proc/self/fd/{copy}", os.O_RDONLY)
    os.fchmod(hidden, 0o111)
    os.close(copy)
    return hidden


def run_directory():
    return os.path.dirname(os.environ.get("GUILDHALL_SANDBOX_SOCKET", "/run/guildhall/sandbox.sock"))


def own_places():
    """Folders in which everything of this user will have been left by commands.

    They are those that hold nothing of this user now, before any command. A user who has files
    there is a person who tries the sandbox in a namespace of its own, on a machine that is used for other
    things, too; the same goes for root.
    """
    places = []
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", run_directory()):
        try:
            with os.scandir(place) as entries:
                if all(entry.stat(follow_symlinks=False).st_uid != os.getuid() for entry in entries):
                    places.append(place)
        except OSError:
            pass
    try:
        tables = [open(f"/proc/sysvipc/{kind}", encoding="ascii").readlines() for kind in ("shm", "sem", "msg")]
        if all(len(lines) <= 1 for lines in tables):
            places.append("/proc/sysvipc")
    except OSError:
        pass
    return places if first and os.getuid() != 0 else []


def program_path(name):
    for directory in os.environ.get("PATH", os.defpath).split(":"):
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return name


def start(command, key, places):
    """Forks and executes the server; it finds `key` at a descriptor. Returns its process id."""
    readable, writable = os.pipe()
    os.write(writable, key)
    os.close(writable)
    pid = os.fork()
    if pid != 0:
        os.close(readable)
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if first:
            _, most = resource.getrlimit(resource.RLIMIT_SIGPENDING)
            limit = PENDING_SIGNALS if most == resource.RLIM_INFINITY else min(PENDING_SIGNALS, most)
            resource.setrlimit(resource.RLIMIT_SIGPENDING, (limit, limit))
        else:
            # In a namespace the server goes with process 1 anyway.
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if readable == KEY_DESCRIPTOR:
            os.set_inheritable(readable, True)
        else:
            os.dup2(readable, KEY_DESCRIPTOR, inheritable=True)
        program = program_path(command[0])
        environment = {
            **os.environ,
            "GUILDHALL_SANDBOX_KEY": str(KEY_DESCRIPTOR),
            "GUILDHALL_SANDBOX_OWNS_NAMESPACE": str(first).lower(),
            "GUILDHALL_SANDBOX_PLACES": ":".join(places),
            # Node cannot find its own path when the loader started it.
            "GUILDHALL_SANDBOX_NODE": program,
        }
        try:
            path = loader_path()
            if path is not None:
                os.execve(hide(path), [path, program, *command[1:]], environment)
        except (OSError, NotImplementedError) as problem:
            say("warn", "sandbox server is not hidden from its own user", problem=str(problem))
        os.execve(program, command, environment)
    except BaseException as problem:
        say("error", "sandbox server cannot be started", problem=str(problem))
    finally:
        os._exit(127)


def descendants():
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            parents[int(name)] = int(parent)
    found = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {os.getpid()}


def kill_everything():
    """Kills all that a server and its commands left.

    A process that was killed does not execute another instruction of its own.
    """
    if first:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return
    for _ in range(50):
        left = descendants()
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
        while reap() is not None:
            pass


def reap():
    """One child that ended or was stopped, as (process id, status); None when there is none now."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
    except ChildProcessError:
        return None
    return None if pid == 0 else (pid, status)


def end(code):
    kill_everything()
    sys.exit(code)


def main():
    command = sys.argv[1:]
    if not command:
        sys.exit("usage: sandbox-init.py PROGRAM ARGUMENT...")
    # Only these two are blocked, and so delivered. Had this process handlers for others, commands
    # could fill its queue with them.
    awaited = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    libc.prctl(PR_SET_DUMPABLE, 0)
    if not first:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    # One key for all servers of this container, so that an agent knows the sandbox after a new start.
    key = os.urandom(32)
    places = own_places()
    futile = 0
    deadline = None
    server, started = start(command, key, places), time.monotonic()
    while True:
        patience = SECONDS_BETWEEN_LOOKS if deadline is None else max(0.0, deadline - time.monotonic())
        info = signal.sigtimedwait(awaited, patience)
        if info is None and deadline is None:
            # In a Pod the folder is a mount point, which stays. Somewhere else the starter of this
            # program removed it.
            if not os.path.isdir(run_directory()):
                end(0)
            continue
        if info is None:
            say("warn", "sandbox server did not end in time and was killed")
            end(1)
        if info.si_signo == signal.SIGTERM:
            # The kernel gives a sender of another namespace as 0; a sender cannot choose SI_USER.
            outside = info.si_code == SI_USER and info.si_pid == 0
            if (outside or not first) and deadline is None:
                deadline = time.monotonic() + SECONDS_TO_END
                os.kill(server, signal.SIGTERM)
                os.kill(server, signal.SIGCONT)
            continue
        ended = None
        while (child := reap()) is not None:
            pid, status = child
            if pid != server:
                continue
            if os.WIFSTOPPED(status):
                say("warn", "sandbox server was stopped by a command and is killed")
                os.kill(server, signal.SIGKILL)
            else:
                ended = status
        if ended is None:
            continue
        code = os.waitstatus_to_exitcode(ended)
        if deadline is not None:
            end(max(code, 0))
        brief = code >= 0 and time.monotonic() - started < FUTILE_SECONDS
        futile = futile + 1 if brief else 0
        say("warn", "sandbox server ended; everything else is killed and it starts again", code=code)
        if futile == FUTILE_STARTS:
            say("error", "sandbox server does not come up", code=code)
            end(code or 1)
        kill_everything()
        # A server that fails at once must not keep a processor busy.
        time.sleep(0.1 * futile)
        server, started = start(command, key, places), time.monotonic()


main()
