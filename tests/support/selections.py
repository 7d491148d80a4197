"""Random filters and new names for a restore, and what they make of a state that is known."""
import copy
import fnmatch
import json

INCLUDES = [[], [], ["h1.*"], ["*.a", "*.b", "*.series"], ["h1.c", "h2.*"]]
EXCLUDES = [[], ["*.a"], ["h2.d.e", "h1.capped"], ["*.series", "*.large"]]
RENAMES = [[("h1.*", "moved.*")], [("h1.*", "h1.*_2")], [("h1.$name$", "h2.from $name$"), ("h2.*", "other.*")], [("h1.a", "h3.b"), ("h2.a", "h3.c")]]


def selection(noise):
    """The arguments of a restore, and a function that gives a namespace's new name."""
    return selected(noise.choice(INCLUDES), ["big.*", *noise.choice(EXCLUDES)], noise.choice(RENAMES))


def selected(includes, excludes, renames):
    """The same for a choice that is not random; `renames` are pairs of patterns."""
    words = [word for pattern in includes for word in ("--ns-include", pattern)]
    words += [word for pattern in excludes for word in ("--ns-exclude", pattern)]
    words += [word for old, new in renames for word in ("--ns-from", old, "--ns-to", new)]

    def renamed(ns):
        for old, new in renames:
            begin, star, _ = old.replace("$name$", "*").partition("*")
            if (star and ns.startswith(begin)) or ns == old:
                return new.replace("$name$", "*").replace("*", ns[len(begin):])
        return ns
    return words, renamed


def _logical(ns):
    return ns.replace(".system.buckets.", ".")


def _taken(ns, words):
    pairs = list(zip(words[::2], words[1::2]))
    includes = [pattern for word, pattern in pairs if word == "--ns-include"]
    excludes = [pattern for word, pattern in pairs if word == "--ns-exclude"]
    matches = [[fnmatch.fnmatchcase(ns, pattern) for pattern in patterns] for patterns in (includes, excludes)]
    return (not includes or any(matches[0])) and not any(matches[1])


def chosen(state, words, renamed):
    """The state filtered and renamed: buckets go with their time-series, and views look at what has another name now."""
    out = {}
    for ns, collection in state.items():
        if ns.startswith("admin.") or not _taken(_logical(ns), words):
            continue
        new = renamed(_logical(ns))
        if _logical(ns) != ns:
            new = new.replace(".", ".system.buckets.", 1)
        out[new] = collection
        if collection.type == "view":
            out[new] = copy.deepcopy(collection)
            database = ns.split(".", 1)[0]
            out[new].options["viewOn"] = json.dumps(renamed(f"{database}.{json.loads(collection.options['viewOn'])}").split(".", 1)[1])
    return out
