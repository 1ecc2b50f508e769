"""The identity system's decisions: who is found, who is merged, who only loses an identifier."""

from collections.abc import Iterator

import pytest

from woopra_pipeline.sandbox.identities import Identities, Profile, State
from woopra_pipeline.sandbox.people import People
from woopra_pipeline.sandbox.settings import SandboxSettings

NOON = 1_767_300_000_000


@pytest.fixture
def identities() -> Identities:
    people = People(SandboxSettings(people=2))
    return Identities(people, ("id", "email", "phone"), State())


@pytest.fixture(autouse=True)
def indexes_are_right(identities: Identities) -> Iterator[None]:
    """At the end of each test, everybody is found by what is known of them, and by nothing else."""
    yield
    again = Identities(identities.people, identities.hierarchy, identities.state)
    for index in ("by_identifier", "by_cookie"):
        found = {key: profile.serial for key, profile in getattr(identities, index).items()}
        known = {key: profile.serial for key, profile in getattr(again, index).items()}
        assert found == known


def living(identities: Identities) -> list[Profile]:
    return list(identities.state.profiles.values())


def test_an_unknown_cookie_makes_a_profile(identities: Identities) -> None:
    first, second = identities.of_cookie(-1), identities.of_cookie(-2)
    assert first.pid != second.pid
    assert identities.of_cookie(-1) is first


def test_an_identifier_finds_its_profile(identities: Identities) -> None:
    known = identities.identify(NOON, -1, {"email": "a@example.com"})
    assert identities.identify(NOON + 1, None, {"email": "a@example.com"}) is known
    assert living(identities) == [known]


def test_an_identifier_another_profile_has_merges_them(identities: Identities) -> None:
    identities.identify(NOON, -1, {"email": "a@example.com"})
    identities.of_cookie(-2)
    merged = identities.identify(NOON + 1, -2, {"email": "a@example.com"})
    assert living(identities) == [merged]
    assert set(merged.cookies) == {-1, -2}
    assert [deletion.new_id for deletion in identities.deletions] == [merged.pid] * len(
        identities.deletions
    )
    assert identities.state.merge_count == len(identities.deletions) in {1, 2}


def test_three_profiles_can_become_one(identities: Identities) -> None:
    identities.identify(NOON, -1, {"email": "a@example.com"})
    identities.identify(NOON + 1, -2, {"id": "7"})
    merged = identities.identify(NOON + 2, -3, {"id": "7", "email": "a@example.com"})
    assert living(identities) == [merged]
    assert merged.identifiers == {"id": "7", "email": "a@example.com"}
    assert set(merged.cookies) == {-1, -2, -3}


def test_all_kinds_of_survivors_happen(identities: Identities) -> None:
    survivors = set()
    for number in range(100):
        cookie, at = -10 * number - 1, NOON + number
        old = identities.identify(at, cookie, {"id": str(number)})
        other = identities.of_cookie(cookie - 1)
        merged = identities.identify(at, cookie - 1, {"id": str(number)})
        survivors.add("old" if merged is old else "other" if merged is other else "third")
    assert survivors == {"old", "other", "third"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"id": "1"}, {"id": "2"}, id="the same identifier"),
        pytest.param({"email": "a"}, {"email": "b"}, id="the same weaker identifier"),
        pytest.param({"id": "1", "email": "a"}, {"id": "2", "email": "a"}, id="a stronger one"),
    ],
)
def test_a_shared_cookie_moves_instead_of_merging_two_people(
    identities: Identities, first: dict[str, str], second: dict[str, str]
) -> None:
    one = identities.identify(NOON, -1, first)
    other = identities.identify(NOON + 1, -1, second)
    assert living(identities) == [one, other]
    assert identities.deletions == []
    assert (set(one.cookies), set(other.cookies)) == (set(), {-1})
    assert one.past[0].until == other.cookies[-1] == NOON + 1


def test_a_weaker_identifier_can_change(identities: Identities) -> None:
    profile = identities.identify(NOON, None, {"id": "1", "email": "old@example.com"})
    assert identities.identify(NOON, None, {"id": "1", "email": "new@example.com"}) is profile
    assert profile.identifiers["email"] == "new@example.com"
    assert identities.identify(NOON, None, {"email": "old@example.com"}) is not profile


def test_whoever_lost_an_identifier_in_a_merge_is_not_found_by_it(identities: Identities) -> None:
    for number in range(20):
        old, new = {"email": f"old{number}"}, {"email": f"new{number}"}
        identities.identify(NOON, None, {"id": str(number)} | old)
        identities.identify(NOON, None, new)
        merged = identities.identify(NOON + number, None, {"id": str(number)} | new)
        assert merged.identifiers == {"id": str(number)} | new
        stranger = identities.identify(NOON + number, None, old)
        assert stranger is not merged
        assert merged.identifiers == {"id": str(number)} | new


def test_the_hierarchy_decides_which_identifier_is_stronger() -> None:
    people = People(SandboxSettings(people=2))
    found = []
    for hierarchy in (("id", "email"), ("email", "id")):
        identities = Identities(people, hierarchy, State())
        by_id = identities.identify(NOON, None, {"id": "1", "email": "a@example.com"})
        by_email = identities.identify(NOON, None, {"id": "2", "email": "b@example.com"})
        told = identities.identify(NOON, None, {"id": "1", "email": "b@example.com"})
        found.append((told is by_id, told is by_email))
    assert found == [(True, False), (False, True)]


def test_who_is_forgotten_starts_again(identities: Identities) -> None:
    profile = identities.identify(NOON, -1, {"id": "1"})
    identities.log(NOON, profile, [4])
    identities.delete(NOON + 1, profile)
    successor = identities.of_cookie(-1)
    assert successor is not profile
    assert len(successor.keys) == 0
    assert identities.deletions[0].new_id is None
    assert living(identities) == [successor]


def test_what_was_held_is_logged_again_later(identities: Identities) -> None:
    identities.begin_day(NOON - 1, 0)
    for number in range(100):
        at = NOON + number
        for cookie in (-10 * number - 1, -10 * number - 2):
            identities.log(at, identities.of_cookie(cookie), [abs(cookie) << 2 | 1])
            merged = identities.identify(at + 1, cookie, {"id": str(number)})
        keys = {(10 * number + 1) << 2 | 1, (10 * number + 2) << 2 | 1}
        assert set(merged.keys.tolist()) == keys
        again = merged.logged_at[merged.logged_at != at]
        assert len(again) >= 1
        assert (again > at + 1).all()
