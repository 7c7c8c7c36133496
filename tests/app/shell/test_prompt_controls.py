"""The sidebar's prompts: other tasks, several lines, data sets, answers with and without a space, and long texts."""

import json

import pytest

from app.shell.prompt_controls import _LONGEST_IN_URL
from app.words.phrases import number
from ioi_core import TASKS, Model, predictions, prompt_pairs, task_dataset
from tests.app.pages import assert_fine, body, opened, says, shown

MARY = "When John and Mary went to the shops, John gave the bag to"
TWIN = "When John and Mary went to the shops, Mary gave the bag to"
PAGES = ["logit_lens", "attention", "activation_patching", "path_patching", "edges", "circuit", "heads"]


def captions(at) -> str:
    return "\n".join(caption.value for caption in at.caption)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_one_more_choice(loader, demo_model: Model, task: str) -> None:
    at = opened(prompts="other task", task=TASKS[task].title, n="7", seed="3")
    assert_fine(at)
    found = predictions(demo_model, task_dataset(demo_model, task, 7, seed=3))
    assert f"{number(float(found.clean_logit_diff.mean()))} on the clean" in says(at)[0]
    assert f"<b>Corruption:</b> {TASKS[task].twin}" in body(at)
    assert TASKS[task].question in captions(at)


@pytest.mark.parametrize(("page", "task"), list(zip(PAGES, [*TASKS, *TASKS], strict=False)))
def test_every_page_works_on_other_tasks(loader, page: str, task: str) -> None:
    assert_fine(opened(f"../pages/{page}.py", prompts="other task", task=TASKS[task].title, n="5"))


def test_an_unknown_task_in_a_link_is_the_first(loader) -> None:
    at = opened(prompts="other task", task="<b>", n="2")
    assert_fine(at)
    assert at.selectbox(key="task").value == "greater-than"


def test_prompts_of_several_lines_are_kept_as_they_are(loader) -> None:
    text = "Q: the capital of France\nA: Paris\n\nQ: the capital of Italy\nA:"
    twin = text.replace("Italy", "Spain")
    at = opened(
        prompts="own", several_lines="true", text=f"{text}\n---\n{twin}", corrupted=f"{twin}\n---\n{text}",
        io="Rome", s="Madrid",
    )  # fmt: skip
    assert_fine(at)
    assert "<b>Prompts:</b> 2" in body(at)
    pairs = prompt_pairs(loader.demo, [text, twin], [twin, text], "Rome", "Madrid")
    found = predictions(loader.demo, pairs)
    assert number(float(found.clean_logit_diff[0])) in says(at)[0]
    assert "\\n" in body(at)
    assert "left out" not in captions(at)


def test_space_at_an_end_is_left_out_and_said_so(loader) -> None:
    at = opened(prompts="own", text=f"{MARY}  ")
    assert_fine(at)
    assert "White space at the end is left out" in captions(at)
    assert "White space" not in captions(opened(prompts="own", text=f"{MARY}\n\n"))


def test_the_special_tokens_name_is_ordinary_text_and_the_page_says_so(loader) -> None:
    at = opened(prompts="own", text=f"<|endoftext|>{MARY}")
    assert_fine(at)
    assert "<|endoftext|> in a text is read as ordinary characters" in captions(at)
    assert "&lt;" in body(at)
    row = json.dumps({"clean": f"<|endoftext|>{MARY}"})
    for data in (f'clean\n"<|endoftext|>{MARY}"', row, row.replace("<", "\\u003c")):
        at = opened(prompts="data set", data=data)
        assert_fine(at)
        assert "<|endoftext|> in a text is read as ordinary characters" in captions(at)
    assert "<|endoftext|> in" not in captions(opened(prompts="data set", data=f'clean\n"{TWIN}"'))


def test_an_answer_as_it_is_written_and_the_hint_to_write_it_so(loader) -> None:
    query = {
        "prompts": "own", "text": "The war lasted from the year 1741 to the year 17",
        "corrupted": "The war lasted from the year 1701 to the year 17", "io": "42", "s": "40",
    }  # fmt: skip
    spaced, written = opened(**query), opened(**query, answer_space="false")
    for at in (spaced, written):
        assert_fine(at)
    assert spaced.dataframe[2].value["token"].tolist() == ["·42", "·40"] * 2
    assert written.dataframe[2].value["token"].tolist() == ["42", "40"] * 2


def test_a_hint_where_the_other_form_of_an_answer_ranks_ten_times_better(loader) -> None:
    query = {"prompts": "own", "text": MARY, "corrupted": TWIN, "io": "John", "s": "Mary"}
    spaced, written = opened(**query), opened(**query, answer_space="false")
    better, worse = (int(at.dataframe[2].value["rank"][0]) for at in (spaced, written))
    assert 10 * better <= worse
    said = f"read without a space in front and have rank {worse:,} (median); with it they have rank {better:,}."
    assert said in body(written)
    assert "have Space before the answers in the sidebar" in body(written)
    assert "have Space before the answers in the sidebar" not in body(spaced)


def test_a_data_set_is_read_as_the_library_reads_it(loader, demo_model: Model) -> None:
    rows = [{"clean": MARY, "label": "first"}, {"clean": TWIN, "corrupted": MARY, "label": "second"}]
    at = opened(prompts="data set", data="\n".join(map(json.dumps, rows)))
    assert_fine(at)
    found = predictions(demo_model, prompt_pairs(demo_model, [MARY, TWIN]))
    assert f"{number(float(found.clean_logit_diff.mean()))} on the clean" in says(at)[0]
    assert "Label by label" in [toggle.label for toggle in at.toggle]
    at.toggle(key="templates_logit_diff").set_value(True).run()
    assert_fine(at)
    assert "(first)" in "".join(says(at))


def test_rows_that_cannot_be_used_are_left_out_only_if_the_visitor_says_so(loader) -> None:
    data = f'clean,corrupted,io,s\n"{MARY}",,,\nThe capital of France is,,Paris,Rome\n'
    at = opened(prompts="data set", data=data)
    assert "Correct 1 row of the data set, or choose Leave out" in body(at)
    assert "cannot be used: row 2: " in body(at)
    at.toggle(key="skip").set_value(True).run()
    assert_fine(at)
    assert "<b>Prompts:</b> 1" in body(at)
    (left_out,) = [expander for expander in at.expander if "left out" in expander.label]
    assert "row 2: " in left_out.text[0].value


def test_columns_that_are_not_read_are_named(loader) -> None:
    at = opened(prompts="data set", data=f'clean,corruped,<b>\n"{MARY}","{TWIN}",x\n')
    assert_fine(at)
    (unread,) = [expander for expander in at.expander if expander.label == "2 columns of the data set not read"]
    assert unread.text[0].value == "corruped\n<b>"
    assert "not read" not in "".join(expander.label for expander in opened(prompts="own", text=MARY).expander)


@pytest.mark.parametrize(
    ("data", "says_so"),
    [
        (" ", "no data set yet"),
        ("a,b\n1,2\n", "no column named clean"),
        ("clean\n" + f'"{MARY}"\n' * 201, "Keep at most 200 rows: the data set has 201 rows"),
        ("clean\n" + "x" * 4001, "4,001 characters"),
        ("clean\n" + "x" * 200_001, "at most 200,000 characters in all"),
    ],
)  # fmt: skip
def test_a_data_set_that_cannot_be_used_is_refused_in_words(loader, data: str, says_so: str) -> None:
    at = opened(prompts="data set")
    at.text_area(key="data").input(data).run()
    assert "ioi-problem" in body(at)
    assert says_so in body(at)


def test_two_hundred_rows_of_two_long_texts_are_taken(loader) -> None:
    sentence = MARY.replace("went", "went " + "again and again " * 20 + "with all of their friends")
    assert len(sentence) >= 400
    data = "clean,corrupted\n" + f'"{sentence}","{sentence.replace(", John", ", Mary")}"\n' * 200
    at = opened(prompts="data set")
    at.text_area(key="data").input(data).run()
    assert_fine(at)
    assert "<b>Prompts:</b> 200" in body(at)
    assert "Too long for a link" in captions(at)


def test_answers_and_corruption_stand_right_below_the_prompts(loader) -> None:
    asked = ("text", "io", "s", "corruption", "corrupted")
    at = opened(prompts="own", text=MARY)
    assert tuple(box.key for box in at.sidebar if getattr(box, "key", None) in asked) == asked


def test_a_text_too_long_for_a_link_says_so_and_a_short_one_is_in_it(loader) -> None:
    at = opened(prompts="own", text=MARY)
    assert "Too long for a link" not in captions(at)
    long = "Мария и Иван " * 300
    at.text_area(key="text").input(f"{long} {MARY}").run()
    assert "Too long for a link" in captions(at)
    at.text_area(key="text").input(TWIN).run()
    assert_fine(at)
    assert "Too long for a link" not in captions(at)


def test_a_link_that_came_through_although_it_is_long_is_shown(loader) -> None:
    text = "x" * (_LONGEST_IN_URL + 1)
    at = opened(prompts="own", text=text)
    assert at.text_area(key="text").value == text
    assert "Too long for a link" in captions(at)
    assert "characters" in shown(at)


def test_ablation_says_where_corrupted_prompts_come_from_row_by_row(loader) -> None:
    given, made = f'"{MARY}","{TWIN}"\n', f'"{TWIN}",\n'
    for rows, words, skip in (
        (given, "from the data set", "false"),
        (made, "S2 flip", "false"),
        (given + made, "given, or S2 flip", "false"),
        (made + '"no name is here","no name is there"\n', "S2 flip", "true"),
    ):
        at = opened("../pages/circuit.py", prompts="data set", data=f"clean,corrupted\n{rows}", skip=skip)
        assert_fine(at)
        assert f"<b>Corruption:</b> {words}" in body(at)
        story = captions(at)
        assert ("ABC twins of the same prompts" in story) == (words != "from the data set")


def test_new_names_take_the_place_of_unknown_people_only_if_the_visitor_says_so(loader) -> None:
    """S2 flips need no new names, but the Circuit page makes ABC twins of the same prompts."""
    query = {"prompts": "own", "text": "When Obama and Clinton met, Obama told"}
    assert_fine(opened(**query))
    for page, corruption in (("prompt", "ABC"), ("circuit", "S2 flip")):
        at = opened(f"../pages/{page}.py", **query, corruption=corruption)
        assert "Turn on “IO and S are people” in the sidebar" in body(at)
        at.sidebar.toggle(key="people").set_value(True).run()
        assert_fine(at)


def test_prompts_of_one_token_work_on_every_page(loader) -> None:
    for page in PAGES:
        at = opened(f"../pages/{page}.py", prompts="own", text="x", corrupted="y", io="z", s="w", bos="false")
        assert not at.exception
        assert "Something went wrong" not in shown(at)


def test_separators_may_have_space_behind_them(loader) -> None:
    at = opened(prompts="own", several_lines="true", text=f"{MARY}\n--- \n{TWIN}")
    assert_fine(at)
    assert "<b>Prompts:</b> 2" in body(at)


def test_a_link_that_lacks_a_text_says_so(loader) -> None:
    at = opened(prompts="own", text_left_out="true")
    assert "too long for this link" in captions(at)


def test_prompts_that_are_refused_leave_the_page_its_form(loader) -> None:
    at = opened(prompts="own", text="x\n" * 201)
    assert "ioi-problem" in body(at)
    assert any(".ioi-problem" in element.proto.body for element in at.get("html") if "<style>" in element.proto.body)
    assert at.sidebar.radio(key="size")
    labels = [element.label for element in at.sidebar.radio]
    assert labels.index("Prompts") < labels.index(at.sidebar.radio(key="size").label)
