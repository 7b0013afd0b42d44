from services.cli.domain.room import Room, gigabytes
from shared.bus.registry.streams import STREAMS, within

MB = 10**6


def test_a_new_run_needs_half_a_gigabyte_and_an_old_one_hardly_any() -> None:
    assert not Room(free=499 * MB, held=0, is_new=True).is_enough
    assert Room(free=501 * MB, held=0, is_new=True).is_enough
    assert Room(free=65 * MB, held=400 * MB, is_new=False).is_enough
    assert not Room(free=1 * MB, held=400 * MB, is_new=False).is_enough


def test_the_least_room_that_is_enough_holds_full_streams() -> None:
    """Else a run that may start would later find the disk full because of its own streams."""
    room = Room(free=500 * MB, held=0, is_new=True)

    bounds = within(STREAMS, room.for_streams, {})

    assert sum(one.max_bytes for one in bounds) < 0.75 * room.free


def test_what_the_store_holds_already_counts_as_its_room() -> None:
    before = Room(free=3000 * MB, held=0, is_new=True)
    after = Room(free=2000 * MB, held=1000 * MB, is_new=False)

    assert before.for_streams == after.for_streams


def test_a_size_is_told_in_gigabytes() -> None:
    assert gigabytes(314_000_000) == "0.31 GB"
