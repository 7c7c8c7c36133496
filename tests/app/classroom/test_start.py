"""A class is started below a lesson: on what is computed there, and not where it could not be kept unsaid."""

from app.classroom import panels
from app.classroom.panels import plain
from app.classroom.store import ClassStore, FullError
from app.hosting import services
from app.lessons.files.library import lessons
from tests.app.pages import body, opened, shown

LESSONS = "../pages/lessons.py"


def test_a_class_is_started_with_every_reveal_computed(monkeypatch):
    store = ClassStore(None)
    monkeypatch.setattr(panels, "shared_store", lambda: store)
    at = opened(LESSONS, lesson="first", step="1", model="ioi-demo")
    assert "Start it with `python -m app`" in shown(at)
    offer = '<a href="/class">Join a class</a>'
    pages = (LESSONS, "../pages/start.py")
    assert not any(offer in body(opened(page, model="ioi-demo")) for page in pages)
    assert not [button for button in at.button if button.label == "Start a class"]
    monkeypatch.setattr(panels, "are_served", lambda: True)
    assert all(offer in body(opened(page, model="ioi-demo")) for page in pages)
    at.run()
    assert "if it is restarted, the class and its votes are lost" in shown(at)
    begun: list[str] = []
    start = store.start
    monkeypatch.setattr(store, "start", lambda lesson: begun.append(start(lesson)) or begun[-1])
    next(button for button in at.button if button.label == "Start a class").click().run()
    assert not at.exception
    [started] = begun
    kept = store.lesson(store.key(started.code))
    written = next(lesson for lesson in lessons() if lesson.id == "first")
    assert (kept.title, kept.model, len(kept.steps)) == (written.title, "ioi-demo", len(written.steps))
    for step, reveal in zip(kept.steps, kept.reveals, strict=True):
        assert ("question" in step) == (reveal is not None) == step["asked"]
    assert f"### {started.code[:4]}-{started.code[4:]}" in shown(at)
    assert f'data-ioi-begun="{started.code}"' in body(at)
    assert f"gone from here {services.settings().class_hours} hours after the start" in shown(at)
    links = [link.proto.url for link in at.get("link_button")]
    assert any(link.endswith(f"/class/teacher#{started.code}.{started.teacher}.{started.screen}") for link in links)

    def full(_):
        raise FullError("So many classes are running")

    monkeypatch.setattr(store, "start", full)
    next(button for button in at.button if button.label == "Start a class").click().run()
    assert "So many classes are running" in shown(at)


def test_what_is_kept_is_plain_json():
    nan = float("nan")
    assert plain({"a": (1, nan), 2: [float("inf"), None, "x", True]}) == {"a": [1, None], "2": [None, None, "x", True]}
