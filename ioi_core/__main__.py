"""`python -m ioi_core verify`: published figures of GPT-2 small against this package's own; `sweep`: many prompts.

`verify --edges`: CMD and CPR of the ways to score edges, beside what MIB's paper is quoted with, without pass or fail.
"""

import argparse
import sys

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.loading import load_model
from ioi_core.model.weights import Model
from ioi_core.results import Progress
from ioi_core.sweeps import command as sweep_command
from ioi_core.verify import table, verify
from ioi_core.verify_edges import N_EXACT, N_PROMPTS, edge_table, verify_edges

_GPT2 = "gpt2-small"


def main(arguments: list[str] | None = None) -> int:
    """Run a command. `verify` prints its table; exit status 0 all passed, 1 something failed, 2 no weights."""
    parser = argparse.ArgumentParser(prog="python -m ioi_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="check GPT-2 small's published figures on this machine")
    command.add_argument("--device", help="cpu or cuda; default: IOI_DEVICE, else cuda if present")
    command.add_argument("--edges", action="store_true", help="CMD and CPR of edges instead; minutes to hours")
    edges = command.add_argument_group("with --edges")
    edges.add_argument("--model", default=_GPT2, help="a name or a folder; nothing was published but of gpt2-small")
    edges.add_argument("--prompts", type=_count, default=N_PROMPTS, help=f"for estimates and curves ({N_PROMPTS})")
    edges.add_argument("--exact-prompts", type=_count, default=N_EXACT, help=f"for exact scores ({N_EXACT})")
    sweep_command.add_options(
        commands.add_parser("sweep", help="one analysis over very many prompts, on several processes or machines")
    )
    options = parser.parse_args(arguments)
    if options.command == "sweep":
        return sweep_command.main(options)
    if options.model != _GPT2 and not options.edges:
        parser.error("--model is for --edges: all other figures are of gpt2-small")
    return _verify(options)


def _verify(options: argparse.Namespace) -> int:
    try:
        model = load_model(options.model, device=options.device)
    except ModelUnavailableError as error:
        whose = "GPT-2 small's weights" if options.model == _GPT2 else f"The weights of {options.model}"
        print(f"NOT VERIFIED: {whose} could not be had.\n{error}", file=sys.stderr)
        return 2
    print(f"{model.name}, weights {model.fingerprint[:12]}, on {model.device}", flush=True)
    if options.edges:
        return _show_edges(model, options.prompts, options.exact_prompts)
    checks = list(verify(model))
    failed = sum(not check.passed for check in checks)
    print(f"{table(checks)}\n{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _show_edges(model: Model, n_prompts: int, n_exact: int) -> int:
    figures = []
    for figure in verify_edges(model, n_prompts=n_prompts, n_exact=n_exact, progress=_say_every_tenth()):
        figures.append(figure)
        print(f"edges by {figure.method}: done", file=sys.stderr, flush=True)
    print(edge_table(model, figures))
    return 0


def _say_every_tenth() -> Progress:
    last = [0]

    def say(done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth != last[0] and total > 1:
            print(f"  {10 * tenth} %", file=sys.stderr, flush=True)
        last[0] = tenth

    return say


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("1 to 10,000 prompts")
    return number


if __name__ == "__main__":
    sys.exit(main())
