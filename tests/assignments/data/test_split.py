"""A split is made once: everyone who lists the same subjects gets it, and newcomers move nobody."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assignments.assignment import Data
from assignments.data.source import Subject
from assignments.data.split import (
    Split,
    SplitRow,
    locked_split,
    new_split,
    read_split,
    replace_split,
    updated,
    write_split,
)
from assignments.errors import UserError

TODAY = date(2026, 3, 4)


def data(**values):
    return Data(source="folder", **{"test": 0.25, "split_seed": 7, **values})


def people(n, **strata):
    return [
        Subject(f"P{i:02d}", strata={name: values[i % len(values)] for name, values in strata.items()})
        for i in range(n)
    ]


def parts(split):
    return {row.subject: row.part for row in split.rows}


def counts(split):
    return Counter(row.part for row in split.present)


def test_a_share_of_a_quarter_hides_ten_of_forty():
    split, change = new_split(people(40), data(val=0.1))
    assert counts(split) == {"train": 26, "val": 4, "test": 10}
    assert set(change.new) == {f"P{i:02d}" for i in range(40)}


def test_counts_are_kept_and_subjects_beyond_them_are_in_no_part():
    split, _ = new_split(people(12), data(train=5, val=2, test=3))
    assert counts(split) == {"train": 5, "val": 2, "test": 3, None: 2}


def test_the_seed_decides_and_the_order_of_the_source_does_not():
    forwards, _ = new_split(people(20), data())
    backwards, _ = new_split(people(20)[::-1], data())
    assert parts(forwards) == parts(backwards)
    assert parts(new_split(people(20), data(split_seed=8))[0]) != parts(forwards)


def test_without_a_seed_two_splits_differ():
    assert len({tuple(new_split(people(40), data(split_seed=None))[0].of("test")) for _ in range(5)}) == 5


def test_each_stratum_is_split_in_the_same_shares():
    split, _ = new_split(people(40, site="AB"), data(stratify=("site",)))
    site = {subject.id: subject.strata["site"] for subject in people(40, site="AB")}
    assert Counter(site[id] for id in split.of("test")) == {"A": 5, "B": 5}


def test_strata_too_small_for_their_share_still_add_up_to_the_whole():
    subjects = people(10, site="ABCDE")  # two of each; a quarter of two is half a subject
    assert counts(new_split(subjects, data(test=3, stratify=("site",)))[0]) == {"train": 7, "test": 3}


def test_a_published_split_is_kept():
    subjects = [replace(subject, part="test" if i < 3 else "train") for i, subject in enumerate(people(10))]
    split, _ = new_split(subjects, data(test=None))
    assert split.of("test") == ("P00", "P01", "P02")


def test_members_that_two_subjects_share_keep_them_in_one_part():
    pairs = [Subject(f"{a}-{b}", members=(a, b)) for a, b in ("AB", "BC", "CD", "EF", "GH", "IJ")]
    for seed in range(20):
        split, _ = new_split(pairs, data(test=3, split_seed=seed))
        assert len({parts(split)[id] for id in ("A-B", "B-C", "C-D")}) == 1


def test_a_pair_of_two_published_parts_is_refused_by_name():
    pairs = [Subject("A-B", members=("A", "B"), part="train"), Subject("B-C", members=("B", "C"), part="test")]
    with pytest.raises(UserError, match=r"A-B \(train\), B-C \(test\)"):
        new_split([*pairs, *people(4)], data(test=1))


def test_a_newcomer_moves_nobody():
    before, _ = new_split(people(40), data())
    after, change = updated(before, [*people(40), Subject("new")], data(), today=TODAY)
    assert {id: part for id, part in parts(after).items() if id != "new"} == parts(before)
    assert list(change.new) == ["new"]
    assert (change.moved, change.withdrawn) == ({}, {})


def test_newcomers_fill_the_part_that_lacks_most():
    before, _ = new_split(people(8), data())  # 6 and 2
    after, _ = updated(before, [*people(8), *(Subject(f"new{i}") for i in range(8))], data())
    assert counts(after) == {"train": 12, "test": 4}


def test_a_subject_that_is_gone_keeps_its_row_and_its_part_when_it_returns():
    before, _ = new_split(people(8), data())
    hidden = before.of("test")[0]
    without = [subject for subject in people(8) if subject.id != hidden]
    gone, change = updated(before, without, data(), today=TODAY)
    assert dict(change.withdrawn) == {hidden: "test"}
    assert next(row for row in gone.rows if row.subject == hidden).withdrawn == "2026-03-04"
    assert hidden not in gone.of("test")
    back, change = updated(gone, people(8), data())
    assert dict(change.returned) == {hidden: "test"}
    assert back == before


def test_a_subject_is_reported_as_withdrawn_once():
    gone, _ = updated(new_split(people(8), data())[0], people(7), data(), today=TODAY)
    again, change = updated(gone, people(7), data(), today=date(2026, 9, 9))
    assert (again, change.withdrawn) == (gone, {})


def test_a_newcomer_who_links_two_parts_is_refused():
    before, _ = new_split(people(8), data())
    link = Subject("link", members=(before.of("test")[0], before.of("train")[0]))
    with pytest.raises(UserError, match=r"share a member.*link \(no part\)"):
        updated(before, [*people(8), link], data())


def test_a_published_part_that_differs_from_the_split_is_refused():
    before, _ = new_split(people(8), data())
    hidden = before.of("test")[0]
    moved = [replace(subject, part="train") if subject.id == hidden else subject for subject in people(8)]
    with pytest.raises(UserError, match=f"now puts {hidden} in train, and the split has it in test"):
        updated(before, moved, data())


def test_a_new_split_names_the_hidden_subjects_that_were_handed_out():
    before, _ = new_split(people(8), data())
    handed = before.marked(before.of("train"), handed_out="2026-01-02")
    after, change = new_split(people(8), data(split_seed=1), before=handed)
    exposed = set(after.of("test")) & set(before.of("train"))
    assert exposed, "the seed moves somebody"
    assert dict(change.exposed) == dict.fromkeys(exposed, "2026-01-02")
    assert all(change.moved[id] == ("train", "test") for id in exposed)


def test_the_first_day_of_a_handout_is_kept():
    split = Split((SplitRow("A", "train"), SplitRow("B", "test")))
    once = split.marked(["A"], handed_out="2026-01-02")
    assert once.marked(["A", "B"], handed_out="2026-05-06").rows == (
        SplitRow("A", "train", handed_out="2026-01-02"),
        SplitRow("B", "test", handed_out="2026-05-06"),
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"test": None}, "test is missing"),
        ({"train": 5, "test": 4}, "need 9 subjects, but there are 8"),
        ({"test": 8}, "Lower one of them"),
        ({"stratify": ("site",)}, "P00 has no such stratum; it has none"),
    ],
)
def test_what_cannot_be_split_is_said(values, says):
    with pytest.raises(UserError, match=says):
        new_split(people(8), data(**values))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool))
@example("A\rB")
@example('A"\r\n,B')
def test_a_file_keeps_every_id_as_it_is(id):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "split.csv"
        split = Split((SplitRow(id, "test"), SplitRow("other " + id, "train")))
        write_split(file, split)
        assert read_split(file) == split


def test_a_file_holds_a_split_and_only_its_owner_reads_it(tmp_path):
    split = Split(
        (
            SplitRow("A, Anna", "train", handed_out="2026-01-02"),
            SplitRow("B", None),
            SplitRow("C", "test", "2026-02-03"),
        )
    )
    write_split(tmp_path / "split.csv", split)
    assert (tmp_path / "split.csv").stat().st_mode & 0o077 == 0
    assert read_split(tmp_path / "split.csv") == split
    assert read_split(tmp_path / "none.csv") is None


HEADING = "subject,part,withdrawn,handed_out,shown\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADING + "A,training,,,\n", 'line 2: "training" is not a part; write train, val or test'),
        (HEADING + "A,train,,,\nA,test,,,\n", "line 3: A is there twice"),
        (HEADING + ",train,,,\n", "line 2: names no subject"),
        ("id,part\nA,train\n", "has no column subject and no column withdrawn"),
        ("", "is empty"),
        (HEADING + '"A,train,,,\nB,test,,,\n', "line 2: a quotation mark is not closed"),
        (HEADING + '"A,train,,,\n"B, Bea",test,,,\n', "line 2: a quotation mark is not closed, or text follows it"),
        (HEADING + "A,train,,,\nB,te", "line 3: has 2 cells, and the heading 5"),
        (HEADING + "A, Anna,train,,,\n", "line 2: has 6 cells, and the heading 5"),
        ("subject,part,withdrawn,shown\nA,train,,\n", "has no column handed_out. Take a copy; or, if nobody was"),
        ("subject,part,withdrawn,handed_out,shown,note\nA,train,,,,x\n", 'a column "note", which would be lost'),
        ("subject,part,withdrawn,handed_out,shown,shown\nA,train,,,,\n", 'a column "shown" twice'),
    ],
)
def test_a_spoiled_file_is_refused_with_its_line(tmp_path, text, says):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        read_split(tmp_path / "split.csv")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 6)), min_size=12, max_size=40),
    st.integers(0, 2**32),
    st.integers(1, 10),
)
def test_no_member_is_ever_in_two_parts(drawn, seed, later):
    """Pairs of patients of three sites, the last few of whom join later."""
    subjects = [
        Subject(f"S{i}", {"site": site}, members=(f"M{i}", f"M{i - back}")) for i, (site, back) in enumerate(drawn)
    ]
    try:
        split, _ = new_split(subjects[:-later], data(split_seed=seed, stratify=("site",)))
        after, change = updated(split, subjects, data(split_seed=seed, stratify=("site",)))
    except UserError:
        return  # they are linked too closely for two parts
    assert change.moved == {}
    of_member = {}
    for subject in subjects:
        for member in subject.members:
            assert of_member.setdefault(member, parts(after)[subject.id]) == parts(after)[subject.id]


def test_two_who_change_one_split_at_once_lose_nothing(tmp_path):
    path = tmp_path / "split.csv"
    write_split(path, Split(tuple(SplitRow(f"P{i:02d}", "test") for i in range(40))))
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        list(pool.map(_mark_one, [path] * 40, range(40)))
    assert {row.shown for row in read_split(path).rows} == {"2026-03-04"}


def _mark_one(path, number):
    with locked_split(path):
        write_split(path, read_split(path).marked([f"P{number:02d}"], shown="2026-03-04"))


def test_a_split_that_somebody_changed_after_it_was_read_is_not_replaced(tmp_path):
    path = tmp_path / "split.csv"
    before, changed = Split((SplitRow("P1", "test"),)), Split((SplitRow("P1", "test", shown="2026-03-04"),))
    replace_split(path, before, None)
    write_split(path, changed)
    with pytest.raises(UserError, match=r"split\.csv: was changed meanwhile, so nothing is written"):
        replace_split(path, Split((SplitRow("P1", "train"),)), before)
    assert read_split(path) == changed
    with pytest.raises(UserError, match="changed meanwhile"):
        replace_split(path, before, None)


@pytest.mark.parametrize("value", [-1, 1.5, 0.0, -0.2, True, "a"])
def test_a_part_is_a_number_of_subjects_or_a_share_and_anything_else_is_one_problem(value):
    with pytest.raises(ValidationError) as caught:
        data(val=value)
    (problem,) = caught.value.errors()
    assert "write a number of cases from 0 such as 20, or a share between 0 and 1 such as 0.25" in problem["msg"]


def test_shares_that_leave_nobody_to_train_on_are_said_with_what_they_come_to():
    with pytest.raises(UserError, match=r"val = 0.5 \(4 subjects\) and test = 0.6 \(5 subjects\) leave none of 8"):
        new_split(people(8), data(val=0.5, test=0.6))


def test_pairs_that_all_share_patients_stay_in_one_part_and_are_named():
    atlas = [Subject(f"P{i}-atlas", members=(f"P{i}", "atlas")) for i in range(5)]
    with pytest.raises(UserError, match="5 subjects share patients with each other, and stay in one part: P0-atlas"):
        new_split(atlas, data())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (",", ";", "has no column subject and no column part .*Save it as CSV with commas"),
        (",", "\t", "has no column subject and no column part .*Save it as CSV with commas"),
        ("2026-03-04", "04/03/2026", r'line 2: handed_out is "04/03/2026". Write the day as 2026-03-04'),
        ("P1,train,,", "P1,train,yesterday,", r'line 2: withdrawn is "yesterday"'),
        ("2026-03-04", "20260304", r'handed_out is "20260304"'),
    ],
)
def test_what_a_spreadsheet_makes_of_a_split_is_refused_with_the_cure(tmp_path, old, new, says):
    """Any text in `withdrawn` would take a subject out of the training cases without a word."""
    path = tmp_path / "split.csv"
    write_split(path, Split((SplitRow("P1", "train", handed_out="2026-03-04"), SplitRow("P2", "test"))))
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=says):
        read_split(path)


def test_a_link_to_a_split_stays_a_link_and_what_it_names_is_replaced(tmp_path):
    """Two courses that share a split by links would else each go on with their own."""
    shared, link = tmp_path / "shared" / "split.csv", tmp_path / "split.csv"
    write_split(shared, Split((SplitRow("P1", "test"),)))
    link.symlink_to(shared)
    with locked_split(link):
        write_split(link, read_split(link).marked(["P1"], shown="2026-03-04"))
    assert link.is_symlink()
    assert read_split(shared) == Split((SplitRow("P1", "test", shown="2026-03-04"),))


def test_a_link_to_a_split_that_is_away_is_not_taken_for_no_split(tmp_path):
    """A second split would be made while the drive is away."""
    (tmp_path / "split.csv").symlink_to(tmp_path / "drive" / "split.csv")
    with pytest.raises(UserError, match=r"split\.csv: links to .*drive/split\.csv, which is not there"):
        read_split(tmp_path / "split.csv")


@pytest.mark.parametrize(("kept", "true"), [("7", "007"), ("p7", "P7"), ("Ma\u0308rz", "M\u00e4rz")])
def test_an_id_that_a_program_rewrote_is_neither_withdrawn_nor_new(kept, true):
    subjects = [*people(8), Subject(true)]
    split, _ = new_split([*people(8), Subject(kept)], data(split_seed=1))
    with pytest.raises(UserError, match=f"writes subjects otherwise than the source: {kept} for {true}"):
        updated(split, subjects, data(split_seed=1))
    withdrawn = Split(tuple(replace(row, withdrawn="2026-03-04" if row.subject == kept else "") for row in split.rows))
    after, change = updated(withdrawn, subjects, data(split_seed=1))
    assert list(change.new) == [true]
    assert {row.subject for row in after.rows} == {row.subject for row in split.rows} | {true}
