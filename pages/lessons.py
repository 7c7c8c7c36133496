"""Lessons: questions before their answers, which are this model's own."""

from app.classroom.panels import show_join, show_start_part
from app.hosting.services import settings
from app.lessons.files.library import library
from app.lessons.panels import keep_progress, show_end, show_list, show_step
from app.lessons.place import current_place
from app.shell.current_view import current_view, hide_strip

view = current_view()
hide_strip()
found = library(settings().lessons_folder)
place = current_place(found.lessons)
if place.lesson is None:
    show_list(view, found, place.unknown)
    show_join()
elif place.step > len(place.lesson.steps):
    show_end(view, place, place.lesson, found.lessons)
else:
    show_step(view, place, place.lesson)
if place.lesson is not None:
    show_start_part(view, place.lesson)
keep_progress()
