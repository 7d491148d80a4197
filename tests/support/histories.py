"""Random histories of snapshots, random policies for them, and what a program's `forget` says it would keep."""
import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
TAGS = ["a", "b", "keep", "über"]
COUNTS = ["last", "hourly", "daily", "weekly", "monthly", "yearly"]
WITHINS = ["within", "within-hourly", "within-daily", "within-weekly", "within-monthly", "within-yearly"]
STEPS = [timedelta(minutes=20), timedelta(hours=3), timedelta(days=1), timedelta(days=9), timedelta(days=80)]


def text_of(moment, zone, noise):
    """RFC 3339 as restic writes it, with the zone's offset at that moment."""
    local = moment.astimezone(zone)
    text = local.strftime("%Y-%m-%dT%H:%M:%S")
    if noise.random() < 0.8:
        text += f".{noise.randrange(1, 10**9):09}".rstrip("0")
    offset = int(local.utcoffset().total_seconds()) // 60
    if offset == 0 and noise.random() < 0.8:
        return text + "Z"
    return text + f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"


def history(noise, host):
    """One host's snapshots: irregular steps over hours or decades, sometimes a twin of the same moment or one of the future."""
    zone = ZoneInfo(noise.choice(ZONES))
    step = noise.choice(STEPS)
    moment = datetime(2026, noise.randint(1, 10), noise.randint(1, 28), noise.randrange(24), noise.randrange(60), tzinfo=timezone.utc)
    path_sets = [["/data"], ["/data", "/etc"], ["/etc", "/data"]][:noise.choice([1, 1, 3])]
    snapshots = []
    for _ in range(noise.randint(1, 40)):
        moment -= step * noise.expovariate(1)
        if moment.year < 1980:
            break
        when = moment + timedelta(days=noise.randrange(5000, 9000)) if noise.random() < 0.02 else moment
        if noise.random() < 0.05:
            zone = ZoneInfo(noise.choice(ZONES))  # the machine travelled
        tags = noise.sample(TAGS, noise.choice([0, 0, 1, 1, 2]))
        one = {"time": text_of(when, zone, noise), "hostname": host, "paths": noise.choice(path_sets), "tags": tags}
        snapshots += [one] * (2 if noise.random() < 0.05 else 1)
    return snapshots


def duration(noise):
    units = noise.sample(["y", "m", "d", "h"], noise.choice([1, 1, 2, 3]))
    return "".join(f"{noise.choice([1, 2, 3, 7, 14, 40])}{unit}" for unit in units)


def policy(noise):
    """The arguments of `forget`."""
    args = []
    for name in COUNTS:
        if noise.random() < 0.3:
            args += [f"--keep-{name}", noise.choice([1, 1, 2, 3, 5, 12, "unlimited"])]
    for name in WITHINS:
        if noise.random() < 0.2:
            args += [f"--keep-{name}", duration(noise)]
    if noise.random() < 0.25:
        args += ["--keep-tag", noise.choice(["a", "a,b", "keep", "über,a", ""])]
    if noise.random() < 0.3:
        args += ["--group-by", noise.choice(["host", "host,tags", "paths,host,tags", "paths,tags", ""])]
    return args if any("keep" in str(arg) for arg in args) else args + ["--keep-last", 1]


def decisions(stdout, reason=lambda words: True):
    """What `forget --json` printed, comparable: of snapshots of the same moment either may be kept."""
    groups = next((json.loads(line) for line in stdout.splitlines() if line.startswith("[")), [])
    out = {}
    for group in groups:
        key = group["host"], tuple(group["paths"] or ()), tuple(group["tags"] or ())
        kept = Counter()
        for entry in group["reasons"] or ():
            matches = tuple(words for words in entry["matches"] if reason(words))
            moment = entry["snapshot"]["time"].replace("+00:00", "Z")  # varve prints it as it is stored
            kept[moment, tuple(sorted(entry["snapshot"].get("tags") or ())), matches] += bool(matches)
        assert len(group["reasons"] or ()) == len(group["keep"] or ())
        out[key] = +kept, len(group["keep"] or ()) + len(group["remove"] or ())
    return out
