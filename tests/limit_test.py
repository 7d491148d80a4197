"""--limit-read: load on the server that is backed up, for a backup that must not be in the way."""
from support.runs import at, back_up, new_repository


def test_the_limit_is_obeyed_and_told(varve, rs6, database):
    """Nothing is lost by it, and both summaries name it. That it takes its time is the unit test's affair."""
    database.documents.insert_many([{"_id": i, "x": "x" * 1000} for i in range(3000)])
    saved = back_up(varve, rs6, "--limit-read", "20M", "--ns-include", f"{database.name}.*")
    assert saved["limit_read"] == 20 << 20 and saved["documents"] == 3000
    told = varve("backup", at(varve, rs6.uri), "--source", "shop", "--limit-read", "20M", "--ns-include", f"{database.name}.*")
    assert "20.0 MiB a second" in told.stdout


def test_a_limit_that_cannot_be(varve, rs6):
    new_repository(varve)
    assert "1024K" in varve("backup", at(varve, rs6.uri), "--limit-read", "100K", code=1).stderr
    crowded = varve("backup", at(varve, rs6.uri), "--limit-read", "1M", "--readers", 40, code=1).stderr
    assert "--readers 40" in crowded and "2560K" in crowded
    assert "--limit-read" in varve("backup", at(varve, rs6.uri), "--limit-read", "fast", code=1).stderr
