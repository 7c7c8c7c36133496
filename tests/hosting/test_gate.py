"""The gate: so many visitors and no more, the next one is let in when a tab closes; and how much one may ask for."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.hosting import services
from app.shell import gate
from app.shell.gate import Gate
from benchmarks.load import serving
from benchmarks.visitor import Visitor
from tests import LOST
from tests.app.pages import assert_fine, body, opened

PATCHING = "../pages/activation_patching.py"


class House:
    """Sessions that come and go, before a gate with a clock of its own."""

    def __init__(self, most: int):
        self.live: set[str] = set()
        self.now = 0.0
        self.gate = Gate(most, self.live.__contains__, idle_after=60, clock=lambda: self.now)

    def ask(self, session: str, visitor: str = "") -> int | None:
        self.live.add(session)
        return self.gate.ahead(session, visitor or session)


def test_a_place_stays_with_its_session_until_that_is_gone():
    house = House(2)
    assert [house.ask(name) for name in ("ann", "bob", "cyd", "cyd", "ann")] == [None, None, 0, 0, None]
    house.live.remove("ann")
    assert house.ask("cyd") is None
    assert house.ask("ann") == 0
    assert house.ask("bob") is None


def test_who_waits_longest_goes_first():
    house = House(1)
    assert [house.ask(name) for name in ("ann", "bob", "cyd", "dan")] == [None, 0, 1, 2]
    house.live.remove("ann")
    assert house.ask("dan") == 2
    assert house.ask("cyd") == 1
    assert house.ask("bob") is None
    assert house.ask("cyd") == 0


def test_who_leaves_the_line_or_falls_asleep_holds_nobody_up():
    house = House(1)
    assert [house.ask(name) for name in ("ann", "bob", "cyd", "dan")] == [None, 0, 1, 2]
    house.live.remove("bob")
    assert house.ask("dan") == 1
    house.now = 9.0
    assert house.ask("dan") == 1
    house.now = 11.0
    assert house.ask("dan") == 0
    house.live.remove("ann")
    assert house.ask("dan") is None
    assert house.ask("cyd") == 0


def test_the_tabs_of_one_browser_share_a_place_up_to_ten():
    house = House(2)
    assert {house.ask(f"tab {n}", "ann") for n in range(10)} == {None}
    assert house.ask("bob") is None, "ann has one place"
    assert house.ask("tab 10", "ann") == 0, "the eleventh tab needs another"
    assert [house.ask(session, "cyd") for session in ("cyd's", "cyd's other")] == [1, 1], "cyd is one, whatever waits"
    assert house.gate.waiting == 2
    house.live.remove("tab 10")
    house.live.remove("bob")
    assert [house.ask(session, "cyd") for session in ("cyd's other", "cyd's")] == [None, None]
    assert house.gate.waiting == 0


def test_an_idle_tab_gives_its_place_to_whoever_waits_and_to_nobody_else():
    house = House(1)
    assert house.ask("ann") is None
    house.now = 61.0
    assert house.ask("ann") is None, "nobody waits"
    house.now = 100.0
    assert house.ask("bob") == 0
    for house.now in (109.0, 118.0):
        assert house.ask("bob") == 0
    house.now = 125.0
    assert house.ask("bob") is None, "ann did nothing for a minute"
    assert house.ask("ann") == 0


def test_a_run_for_nobody_needs_no_place_and_takes_none():
    house = House(1)
    assert house.gate.ahead("health check", "health check") is None
    assert house.ask("ann") is None
    assert house.gate.ahead("health check", "health check") is None


def test_many_at_once_are_never_more_than_there_is_room_for():
    house = House(5)
    house.live |= {str(number) for number in range(40)}
    inside: list[str] = []
    barrier = threading.Barrier(40)

    def come(session: str) -> None:
        barrier.wait()
        if house.gate.ahead(session, session) is None:
            inside.append(session)

    threads = [threading.Thread(target=come, args=(session,)) for session in house.live]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inside) == 5


@pytest.mark.usefixtures("loader")
def test_the_waiting_page_is_friendly_and_the_app_comes_when_there_is_room(monkeypatch):
    full = Gate(3, lambda session: True)
    for number in range(3):
        assert full.ahead(str(number), str(number)) is None
    monkeypatch.setattr(gate, "gate", lambda: full)
    at = opened(prompts="generated", n="12")
    assert not at.exception
    assert at.title[0].value == "Every place is taken"
    assert "room for 3 here at once" in body(at)
    assert "You are next." in body(at)
    assert not at.sidebar.radio
    monkeypatch.setattr(full, "most", 4)
    at.run()
    assert_fine(at)
    assert "<b>Prompts:</b> 12" in body(at)


@pytest.fixture(scope="module")
def small_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("house")
    with serving(folder, warm=False, IOI_MAX_SESSIONS="2") as server:
        yield server.port
    assert not LOST.search(Path(folder / "log").read_text())


@pytest.mark.slow
def test_a_closed_tab_lets_the_next_visitor_in_without_a_click(small_house):
    async def story() -> None:
        ann, bob, cyd = [await Visitor.arrive(small_house, "model=ioi-demo&n=12&prompts=generated") for _ in range(3)]
        for visitor in (ann, bob):
            assert (await visitor.open("prompt")).charts
        waiting = await cyd.open("logit_lens")
        assert waiting.headings == ["Every place is taken"]
        still = await cyd.tick("logit_lens", waiting)
        assert not still.charts
        assert "You are next" in still.html[-1]
        await bob.leave()
        for _ in range(50):
            if (seen := await cyd.tick("logit_lens", waiting)).charts:
                break
            await asyncio.sleep(0.1)
        assert seen.headings[0] == "Where in the model does the answer appear?"
        assert any("<b>Prompts:</b> 12" in html for html in seen.html)
        assert (await ann.open("heads")).charts, "who is inside stays inside"

    asyncio.run(asyncio.wait_for(story(), 120))


# --- how much one may ask for


def limited(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    for name, value in limits.items():
        monkeypatch.setenv(name, str(value))
    services.settings.clear()


@pytest.mark.usefixtures("loader")
def test_a_prompt_of_too_many_tokens_is_refused_with_its_length(monkeypatch):
    limited(monkeypatch, IOI_MAX_TOKENS=16)
    assert_fine(opened(prompts="own", text="When Tom and Amy met, Tom waved to"))
    long = "When Tom and Amy met in the large old park behind the house, Tom waved to"
    at = opened(prompts="own", text=f"When Tom and Amy met, Tom waved to\n{long}")
    assert "Shorten prompt 2 to at most 16 tokens: prompt 2 is 18 tokens long" in body(at)
    assert not at.get("plotly_chart")


@pytest.mark.usefixtures("loader")
def test_too_many_cells_are_refused_with_their_number(monkeypatch, demo_model):
    limited(monkeypatch, IOI_MAX_CELLS=1000)
    n_heads = demo_model.cfg.n_layers * demo_model.cfg.n_heads
    n_prompts = 1000 // n_heads
    few, many = (
        opened(PATCHING, model="ioi-demo", prompts="generated", n=str(n), site="z") for n in (n_prompts, n_prompts + 1)
    )
    assert_fine(few)
    assert f"{n_heads} cells on {n_prompts + 1} prompts" in body(many)
    assert "at most 1,000 are allowed here" in body(many)
    assert [chart.key for chart in many.get("plotly_chart")] == ["figure-sketch"]  # the estimate patches nothing
