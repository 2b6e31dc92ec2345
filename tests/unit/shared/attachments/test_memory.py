"""The memory that mails share for their attachments."""

import asyncio

import pytest

from shared.attachments.memory import Memory


async def test_no_more_is_held_than_there_is_and_everybody_gets_a_turn() -> None:
    memory, held, most = Memory(100), 0, 0

    async def mail(size: int) -> None:
        nonlocal held, most
        async with memory.share(60) as share:
            held += 60
            most = max(most, held)
            await asyncio.sleep(0)
            share.shrink(size)
            held -= 60 - size
            await asyncio.sleep(0)
            held -= size

    await asyncio.wait_for(asyncio.gather(*(mail(number % 7) for number in range(50))), 5)
    assert 60 < most <= 100
    assert held == 0


async def test_what_is_given_back_serves_the_next_in_turn() -> None:
    memory, order = Memory(100), list[str]()

    async def mail(name: str, most: int) -> None:
        async with memory.share(most):
            order.append(name)

    async with memory.share(100) as first:
        waiting = [asyncio.create_task(mail(name, most)) for name, most in (("large", 90), ("small", 5))]
        await asyncio.sleep(0)
        first.shrink(50)
        await asyncio.sleep(0)
        assert order == []  # the small one does not overtake: else the large one might wait for ever
        first.shrink(5)
        await asyncio.gather(*waiting)
    assert order == ["large", "small"]


async def test_one_that_is_cancelled_while_it_waits_holds_up_nobody() -> None:
    memory = Memory(10)
    async with memory.share(10):
        given_up, next_one = (asyncio.create_task(memory.share(10).__aenter__()) for _ in range(2))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
    await asyncio.wait_for(next_one, 5)


async def test_a_mail_that_asks_for_more_than_there_is_gets_all_of_it() -> None:
    memory = Memory(10)
    async with memory.share(1_000) as share:
        assert share.held == 10
