"""The command `completion`: shell completion of commands, options and files."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from tui_balancer.exit_codes import EXIT_DONE

Shell = Literal["bash", "zsh", "fish"]


def completion(shell: Annotated[Shell, Parameter(name="SHELL", help="Your shell.")], /) -> int:
    """Print a script that completes commands, options, their values and files.

    bash: save it as ~/.local/share/bash-completion/completions/tui-balancer.

    zsh: save it as _cyclopts_tui-balancer, exactly this name, in a folder of your fpath.

    fish: save it as ~/.config/fish/completions/tui-balancer.fish.
    """
    from tui_balancer.cli.app import app

    script = app.generate_completion(shell=shell)
    # With `-o filenames` bash adds a slash after a folder, not a space.
    print(script.replace("\ncomplete -F ", "\ncomplete -o filenames -F "), end="")
    return EXIT_DONE
