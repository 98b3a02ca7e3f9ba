"""Rounds in turn, ratios, and what is written of them."""

import csv

import pytest

from benchmarks.cases import GROUPS, Case, Group, Ratio, choose_groups
from benchmarks.document import write_results
from benchmarks.rounds import measure, ratio
from benchmarks.settings import Settings
from errors import UserError
from tests.commands import script

WORK = "tests.benchmarks.work"
QUICK = Case("quick", f"{WORK}.sleep", {"seconds": 0.02})
SLOW = Case("slow", f"{WORK}.sleep", {"seconds": 0.06})
BROKEN = Case("broken", f"{WORK}.fail")
RATIO = Ratio("quick against the others", "quick", ("slow", "broken"), 2.0)
GROUP = Group("sleepers", (QUICK, SLOW, BROKEN), (RATIO,))


def test_cases_take_turns_and_a_broken_one_says_why(tmp_path):
    rates, failures = measure(GROUP, Settings(batch=6), 3, tmp_path)
    assert set(rates) == {"quick", "slow"}
    assert [len(values) for values in rates.values()] == [3, 3]
    # Asleep it does nothing faster than it can.
    assert max(rates["quick"]) <= 6 / 0.02
    assert max(rates["slow"]) <= 6 / 0.06
    assert failures == {"broken": "broken ended: ValueError: no such thing here"}
    found, against = ratio(RATIO, rates)
    assert against == "slow"
    assert 1.5 < found < 6

    text = write_results(tmp_path / "out", Settings(), [(GROUP, rates, failures)]).read_text()
    assert f"| quick against the others (slow) | {found:.2f} | 2.00 |" in text
    assert "| broken | not measured: broken ended: ValueError: no such thing here | |" in text
    with (tmp_path / "out" / "benchmarks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["0", "1", "2"] * 2
    assert float(rows[0]["rate"]) == pytest.approx(rates["quick"][0], rel=1e-3)


def test_a_ratio_is_the_median_of_rounds_against_the_fastest_other():
    rates = {"fast": [10.0, 30.0, 20.0], "a": [5.0, 10.0, 10.0], "b": [1.0, 99.0, 1.0]}
    assert ratio(Ratio("", "fast", ("a", "b", "missing")), rates) == (2.0, "a")
    assert ratio(Ratio("", "fast", ("missing",)), rates) is None
    assert ratio(Ratio("", "missing", ("a",)), rates) is None


def test_groups_name_cases_and_work_that_exist():
    for group in GROUPS.values():
        names = [case.name for case in group.cases]
        assert len(set(names)) == len(names)
        for wanted in group.ratios:
            assert {wanted.fast, *wanted.slow} <= set(names)
        ours = group.without("torch")
        assert {case.framework for case in ours.cases} == {"keras"}


def test_an_unknown_group_is_refused():
    with pytest.raises(UserError, match="--only=speed is unknown: choose training-bfloat16, "):
        choose_groups(["speed"])


def test_the_group_that_needs_a_run_is_measured_with_one_alone():
    with pytest.raises(UserError, match="--only=depth needs a trained run: add --run_dir"):
        choose_groups(["depth"])
    without, having = choose_groups([]), choose_groups([], "runs/kitchen")
    assert [group.name for group in having if group not in without] == ["depth"]
    assert choose_groups(["depth"], "runs/kitchen") == [GROUPS["depth"]]


def test_a_case_that_breaks_in_a_round_does_not_cost_the_others(tmp_path):
    group = Group("sleepers", (QUICK, Case("tired", f"{WORK}.tire"), SLOW), ())
    rates, failures = measure(group, Settings(batch=6), 3, tmp_path)
    assert {name: len(values) for name, values in rates.items()} == {"quick": 3, "slow": 3}
    assert failures == {"tired": "tired ended: MemoryError: no more of it"}


def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path):
    (tmp_path / "file").write_text("")
    done = script("-m", "benchmarks.run", "--only=limit", f"--output={tmp_path / 'file'}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: --output={tmp_path / 'file'} cannot be written: File exists\n"
