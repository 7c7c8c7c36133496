"""The first names the app knows, and the bundled lists they come from.

`IOI_LISTS` are the names, places, objects and templates of Wang et al. 2022, from Redwood Research's Easy-Transformer
(MIT licence). `NAMES` adds other common first names, so that typed prompts are understood; words that open English
sentences (Will, Don, Hope), months and places (April, Georgia) are left out: they would make prompts ambiguous, and a
capitalised word inside a sentence is understood without a list.
"""

import json
import random
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ioi_core.model.weights import Model

_DATA = Path(__file__).parents[1] / "data"


def read_data(file_name: str) -> dict[str, Any]:
    """One of the JSON files that are part of this package ("ioi_lists.json", "arena25.json")."""
    data: dict[str, Any] = json.loads((_DATA / file_name).read_text(encoding="utf-8"))
    return data


IOI_LISTS: dict[str, tuple[str, ...]] = {
    name: tuple(values) for name, values in read_data("ioi_lists.json")["redwood"].items()
}
"""Names, places, objects and templates of Wang et al.'s code, under the source's own names."""

_MORE_NAMES = """
Abby Abdul Abdullah Abraham Ada Adrian Ahmed Akira Alan Albert Alec Alex Alexa Alexandra Alexis Alfred Ali Alice Alison
Allan Allen Alma Alvin Amelia Amir Amit Ana Anders Anderson Andre Andreas Andy Anita Ann Anna Anne Annie Anton Archie
Ari Ariel Arnold Arthur Audrey Barbara Barney Barry Becky Bella Ben Bernard Bernie Beth Betty Beverly Bill Billy Blake
Bob Bobby Bonnie Boris Brad Bree Brenda Brent Brett Brooke Bruce Bruno Bryce Caleb Calvin Cameron Carl Carlos Carmen
Carol Caroline Carolyn Carrie Carter Casey Cassandra Catherine Cathy Cecil Chad Charlie Charlotte Cheryl Chloe Chris
Christian Cindy Claire Clara Clark Claude Claudia Clifford Clint Clyde Cole Colin Collins Connor Cooper Corey Craig
Curtis Damian Damon Dan Dana Danny Darius Darren Daryl Dave Dean Debbie Deborah Denis Dennis Derek Derrick Desmond Diana
Diane Dmitry Dominic Donald Donna Dorothy Doug Douglas Duncan Dwight Dylan Eddie Edgar Edmund Edward Edwin Elaine
Eleanor Elena Eli Elias Elijah Ellen Elliot Elliott Ellis Elsa Emil Emma Enrique Erik Ernest Esther Ethan Eugene Eva
Evan Eve Ezra Felix Fernando Fiona Floyd Frances Francis François Frank Frankie Franklin Fred Freddie Frederick Fritz
Gabriel Gareth Garrett Gary Gavin Geoffrey George Gerald Gilbert Gina Ginny Giovanni Glen Glenn Gloria Gordon Grace
Graham Grant Greg Gus Hank Hannah Hans Harold Harper Harriet Harris Harrison Harry Harvey Hassan Hazel Hector Heidi
Helen Helena Henri Henry Herbert Herman Hiro Holly Howard Hugh Hugo Hussein Ian Ibrahim Igor Iris Isaac Isabel Isaiah
Ivan Ivy Jack Jackie Jackson Jacques Jake Jamal Jane Janet Jared Javier Jay Jean Jeff Jen Jenna Jenny Jerome Jerry Jess
Jill Jim Jimmy Jin Joan Joe Joel Joey Johnny Jon Jonah Jorge José Josh Joyce Juan Judith Judy Julia Julian Julie Juliet
Jun Kai Karen Karl Kate Kathleen Kathryn Kathy Katrina Keith Ken Khalid Kim Kirk Klaus Krishna Kurt Lara Larry Lars
Laurie Lawrence Lee Lena Leo Leon Leonard Leslie Levi Lewis Liam Lily Linda Logan Lois Lorenzo Louis Louise Lucas Lucia
Lucy Luigi Luis Luke Luna Luther Lydia Lynn Maggie Malcolm Malik Manuel Marc Marcel Marco Marcus Margaret Maria Marie
Marilyn Mario Marion Marshall Martha Martin Marvin Mason Matt Maurice Max Maxwell Maya Mei Melanie Melvin Mia Michel
Michele Miguel Mikhail Mike Miles Milton Ming Miranda Mitchell Mohammed Molly Monica Morgan Morris Muhammad Nancy Naomi
Natalie Natasha Nate Ned Neil Nelson Nick Nicola Nigel Nina Noah Noel Nora Norman Oliver Olivia Olivier Omar Oscar Otto
Owen Pablo Paige Pam Pamela Parker Patricia Patty Paula Pavel Pearl Pedro Peggy Penny Percy Perry Pete Peter Petra Phil
Philip Philippe Phillip Pierce Pierre Polly Prince Quentin Quinn Rafael Raj Ralph Randall Randy Ray Raymond Reed Reese
Reid Rex Ricardo Rick Ricky Riley Rita River Rob Robbie Roberto Robin Rodney Roger Roland Ron Ronald Ronnie Rory Rosa
Rose Ross Roy Ruby Rudy Rupert Russell Ruth Sakura Sally Sam Sammy Sandra Sasha Saul Sebastian Sergei Sergey Sergio Seth
Shane Sharon Shaun Shawn Sheila Sheldon Shelley Shirley Sid Sidney Simon Simone Sonia Sophia Sophie Spencer Stan Stanley
Stefan Stella Steve Stewart Stuart Sue Sullivan Susan Suzanne Sven Sylvia Tara Taylor Ted Teresa Terry Tess Theo
Theodore Theresa Tim Tina Toby Todd Tom Tommy Tony Tracy Trevor Troy Tucker Valerie Vera Vernon Veronica Victor Victoria
Vince Vincent Violet Vlad Vladimir Wallace Wally Walter Warren Wayne Wei Wendy Wesley Whitney Willie Wilson Winston
Wolfgang Xavier Yuri Zach Zack Zelda Zoe
"""

NAMES: tuple[str, ...] = tuple(dict.fromkeys((*IOI_LISTS["NAMES"], *_MORE_NAMES.split())))
"""Every first name the app knows; each is one GPT-2 token when it follows a space."""

KNOWN_NAMES = frozenset(NAMES)


def new_names(model: Model, seed: str, taken: Collection[str], *, unspaced: bool) -> Iterator[str]:
    """Names of `NAMES` in an order drawn by `seed`, none of them in `taken` (compared without case).

    Each is one token after a space and, where `unspaced`, also without it.
    """
    used = {word.casefold() for word in taken}
    names = random.Random(seed).sample(NAMES, len(NAMES))
    for name in names:
        forms = (f" {name}", name) if unspaced else (f" {name}",)
        if name.casefold() not in used and all(len(model.encode(form)) == 1 for form in forms):
            yield name
