"""What was made is looked at behind what is being made, and never waits for ever."""

import asyncio

from services.discovery.loops.first_looks import AT_ONCE, EVERY_S, PACE_S, QUIET_S, FirstLooks
from services.discovery.loops.scanning import ScanLoop
from tests.fakes.clock import FrozenClock
from tests.unit.discovery.test_loops import World, following
from tests.waiting import ended, until


async def looked(firsts: FirstLooks) -> str | None:
    """Return whose turn it is, if that is anybody's within some polls."""
    turn = asyncio.ensure_future(firsts.next())
    await asyncio.wait([turn], timeout=5 * PACE_S)
    if not turn.done():
        await ended(turn)
        return None
    return turn.result()


async def test_a_single_one_waits_for_nothing_and_has_one_turn() -> None:
    firsts = FirstLooks(FrozenClock())
    turn = asyncio.ensure_future(firsts.next())
    await asyncio.sleep(0)
    firsts.made("a")
    assert "a" in firsts

    assert await turn == "a"
    assert not firsts
    assert await looked(firsts) is None


async def test_who_is_left_has_no_turn() -> None:
    firsts = FirstLooks(FrozenClock())
    for name in ("a", "b"):
        firsts.made(name)
    firsts.leave("a")

    assert await looked(firsts) == "b"
    assert not firsts


async def test_while_more_are_made_some_are_looked_at_and_then_all() -> None:
    clock = FrozenClock()
    firsts = FirstLooks(clock)
    passed = []
    for number in range(12):
        firsts.made(f"{number}")
        passed.append(await looked(firsts))
        clock.advance(EVERY_S / 4)
    assert passed == ["0", "1", "2", "3", "4", *[None] * 3, "5", *[None] * 3]

    clock.advance(QUIET_S)
    for name in ("6", "7", "8"):
        clock.advance(PACE_S)
        assert await looked(firsts) == name
    firsts.made("again")
    clock.advance(PACE_S)
    assert await looked(firsts) is None


async def test_a_look_waits_for_its_turn_and_the_next_one_does_not() -> None:
    world, clock = World(), FrozenClock()
    world.scanning = ScanLoop(world.scanner, world.publisher, world.turns, FirstLooks(clock))
    async with following(world) as trigger:
        trigger.queue.put_nowait(None)
        await until(trigger.queue.empty)
        for number in range(AT_ONCE):
            world.scanning.serve({f"first{number}"})
        world.scanning.serve({"default"})
        await until(lambda: world.scanner.has_looked(f"first{AT_ONCE - 1}"))
        await asyncio.sleep(5 * PACE_S)
        assert not world.scanner.has_looked("default")

        clock.advance(QUIET_S)
        await until(lambda: world.scanner.has_looked("default"))
        world.scanning.serve({"other"})
        await world.scanning.leave("other")
        assert not world.scanning.is_looking
