"""`python -m ioi_core verify`: published figures of GPT-2 small against this package's own; `sweep`: many prompts."""

import argparse
import sys

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.loading import load_model
from ioi_core.sweeps import command as sweep_command
from ioi_core.verify import table, verify


def main(arguments: list[str] | None = None) -> int:
    """Run a command. `verify` prints its table; exit status 0 all passed, 1 something failed, 2 no weights."""
    parser = argparse.ArgumentParser(prog="python -m ioi_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="check GPT-2 small's published figures on this machine")
    command.add_argument("--device", help="cpu or cuda; default: IOI_DEVICE, else cuda if present")
    sweep_command.add_options(
        commands.add_parser("sweep", help="one analysis over very many prompts, on several processes or machines")
    )
    options = parser.parse_args(arguments)
    return sweep_command.main(options) if options.command == "sweep" else _verify(options)


def _verify(options: argparse.Namespace) -> int:
    try:
        model = load_model("gpt2-small", device=options.device)
    except ModelUnavailableError as error:
        print(f"NOT VERIFIED: GPT-2 small's weights could not be had.\n{error}", file=sys.stderr)
        return 2
    checks = list(verify(model))
    failed = sum(not check.passed for check in checks)
    print(f"{model.name}, weights {model.fingerprint[:12]}, on {model.device}\n{table(checks)}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
