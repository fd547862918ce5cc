"""The command `completion`: shell completion of commands, options and files."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tui_balancer.view.summary_text import EXIT_DONE

Shell = Literal["bash", "zsh", "fish"]


def add_completion(app: App) -> None:
    """Add the command `completion` to an app."""

    @app.command
    def completion(shell: Annotated[Shell, Parameter(name="SHELL", help="Your shell.")], /) -> int:
        """Print a script that completes commands, options, their values and files.

        bash: save it as ~/.local/share/bash-completion/completions/tui-balancer.

        zsh: save it as _cyclopts_tui-balancer, exactly this name, in a folder of your fpath.

        fish: save it as ~/.config/fish/completions/tui-balancer.fish.
        """
        script = app.generate_completion(shell=shell)
        # With `-o filenames` bash adds a slash after a folder, not a space.
        print(script.replace("\ncomplete -F ", "\ncomplete -o filenames -F "), end="")
        return EXIT_DONE
