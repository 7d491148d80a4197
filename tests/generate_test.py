"""Man pages and completions are made from the parser: every command has a page, and shells offer what it takes."""
import re
import shutil
import subprocess

import pytest

from harness.tools import Varve


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of generated files, and every command's path by what --help lists."""
    folder = tmp_path_factory.mktemp("generated")
    varve = Varve(folder)
    varve("generate", "--man", folder / "man", "--bash-completion", folder / "varve.bash", "--zsh-completion",
          folder / "_varve", "--fish-completion", folder / "varve.fish")
    return folder, commands(varve)


def commands(varve, *above):
    """Every command and those below it, read from the help."""
    text = varve(*above, "--help").stdout
    listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
    names = re.findall(r"^  (\S+)", listed[1], re.M) if listed else []
    return [(*above, name) for name in names] + [path for name in names for path in commands(varve, *above, name)]


def test_every_command_has_a_page_with_its_examples(made):
    folder, all_commands = made
    assert ("backup",) in all_commands and len(all_commands) > 10
    for path in all_commands:
        page = (folder / "man" / f"{'-'.join(('varve', *path))}.1").read_text()
        assert ".SH EXAMPLES\n.nf\n  varve " in page, path
    assert len(list((folder / "man").iterdir())) == len(all_commands) + 1


@pytest.mark.all
def test_the_pages_are_good_roff(made):
    folder, _ = made
    done = subprocess.run(["groff", "-z", "-ww", "-man", *sorted((folder / "man").iterdir())], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def bash_offers(folder, *words):
    script = f'source "{folder}/varve.bash"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _varve; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", script, "bash", "varve", *words], capture_output=True, text=True, check=True)
    assert not done.stderr
    return set(done.stdout.split())


def test_bash_offers_commands_and_options(made):
    folder, all_commands = made
    assert bash_offers(folder, "") == {path[0] for path in all_commands if len(path) == 1}
    assert bash_offers(folder, "snap") == {"snapshots"}
    assert {"--drop", "--dry-run", "--repo"} <= bash_offers(folder, "restore", "--")
    assert bash_offers(folder, "-r", "place", "restore", "--dro") == {"--drop"}
    assert bash_offers(folder, "restore", "--uri-file", "") == set()  # left to the shell, which offers files
    for path in all_commands:
        assert "--json" in bash_offers(folder, *path, "--j"), path


@pytest.mark.all
def test_fish_offers_them_with_what_they_do(made):
    folder, all_commands = made

    def offers(line):
        script = f'source "{folder}/varve.fish"; complete -C "{line}"'
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True)
        assert not done.stderr
        return dict(entry.partition("\t")[::2] for entry in done.stdout.splitlines())

    assert {path[0] for path in all_commands if len(path) == 1} <= set(offers("varve "))
    assert "collections" in offers("varve restore --dr")["--drop"]
    for path in all_commands:
        assert "--json" in offers(f"varve {' '.join(path)} --j"), path


@pytest.mark.all
def test_zsh_takes_the_completion(made):
    folder, _ = made
    assert shutil.which("zsh")
    script = f"""
        autoload -Uz compinit && compinit -u -d {folder}/zcompdump
        source {folder}/_varve && [[ $_comps[varve] == _varve ]] || exit 3
        for function in ${{(k)functions[(I)_varve*]}}; do print $function; done"""
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert {"_varve", "_varve_restore", "_varve_check"} <= set(done.stdout.split())
